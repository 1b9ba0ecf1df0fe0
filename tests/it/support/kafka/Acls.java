import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * Makes access rules or takes them away: BOOTSTRAP, MAKE or TAKE, and then PERMISSION PRINCIPAL OPERATION TYPE NAME for each.
 * rdkafka cannot.
 */
class Acls {
    public static void main(String[] words) throws Exception {
        List<AclBinding> rules = new ArrayList<>();
        for (int at = 2; at < words.length; at += 5) {
            var entry = new AccessControlEntry(words[at + 1], "*",
                AclOperation.fromString(words[at + 2]), AclPermissionType.fromString(words[at]));
            var resource = new ResourcePattern(ResourceType.fromString(words[at + 3]), words[at + 4], PatternType.LITERAL);
            rules.add(new AclBinding(resource, entry));
        }
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", words[0]))) {
            switch (words[1]) {
                case "MAKE" -> admin.createAcls(rules).all().get();
                case "TAKE" -> {
                    var taken = admin.deleteAcls(rules.stream().map(AclBinding::toFilter).toList()).all().get();
                    // A rule that was never made is a mistake in the test.
                    if (taken.size() != rules.size()) {
                        throw new IllegalStateException("asked for " + rules + ", taken were " + taken);
                    }
                }
                default -> throw new IllegalArgumentException(words[1]);
            }
        }
    }
}
