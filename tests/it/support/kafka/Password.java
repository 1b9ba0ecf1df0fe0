import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;

/** Gives a user another password for SCRAM: BOOTSTRAP USER PASSWORD. rdkafka cannot. */
class Password {
    public static void main(String[] words) throws Exception {
        var how = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", words[0]))) {
            admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(words[1], how, words[2]))).all().get();
        }
    }
}
