package interop;

import static interop.Checks.holds;
import static interop.Checks.same;

import cn.binarywang.wx.miniapp.api.WxMaService;
import cn.binarywang.wx.miniapp.api.impl.WxMaServiceImpl;
import cn.binarywang.wx.miniapp.bean.WxMaKefuMessage;
import cn.binarywang.wx.miniapp.bean.WxMaSubscribeMessage;
import cn.binarywang.wx.miniapp.bean.WxMaSubscribeMessage.MsgData;
import cn.binarywang.wx.miniapp.config.impl.WxMaDefaultConfigImpl;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import me.chanjar.weixin.common.error.WxError;
import me.chanjar.weixin.common.error.WxErrorException;

/**
 * WxJava against the sandbox. The one argument is the sandbox's address; app, secret and templates are those of `config/`, where
 * the sandbox has them from too.
 */
public final class Main {
    private static final String APPID = "wx0123456789abcdef";
    private static final String SECRET = "sandbox-secret";
    private static final String ORDER_COMPLETED = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";
    private static final String SHIPMENT_ARRIVED = "pVsEvYJLfQd3mKTq0aQvN2yWlR7c1xUoZ9hBt4gSe6k";
    private static final String CLASS_STARTING = "dN8rQ2wXkL5vHj1TzYpB7mCe4sGfA9oU3iRxK6tWq0E";
    private static final String USER = "oInteropJava1";
    private static final String CALLBACK_TOKEN = "interopToken";
    private static final String AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    private static final String SEND_PATH = "/cgi-bin/message/subscribe/send";

    private final Checks checks = new Checks();
    private final Control control;
    private final WxMaService service;

    private Main(String sandbox) {
        control = new Control(sandbox);
        service = service(sandbox, true);
    }

    public static void main(String[] arguments) throws Exception {
        System.exit(new Main(arguments[0]).run(arguments[0]));
    }

    private static WxMaService service(String sandbox, boolean stable) {
        WxMaDefaultConfigImpl config = new WxMaDefaultConfigImpl();
        config.setAppid(APPID);
        config.setSecret(SECRET);
        config.setToken(CALLBACK_TOKEN);
        config.setAesKey(AES_KEY);
        config.setApiHostUrl(sandbox);
        config.useStableAccessToken(stable);
        WxMaService service = new WxMaServiceImpl();
        service.setRetrySleepMillis(10);
        service.setWxMaConfig(config);
        return service;
    }

    private int run(String sandbox) throws Exception {
        checks.check("the sandbox starts anew", () -> control.post("/sandbox/reset", Map.of()));
        tokens("stable", service);
        tokens("classic", service(sandbox, false));
        logins();
        sends();
        templates();
        customerMessages();
        quotas();
        callbacks();
        return checks.end();
    }

    private void tokens(String kind, WxMaService service) {
        checks.check(kind + " token: fetched once, then kept", () -> {
            long before = control.tokenFetches();
            String first = service.getAccessToken();
            same("the second", first, service.getAccessToken());
            same("fetches", before + 1, control.tokenFetches());
        });
        checks.check(kind + " token: one that has expired is replaced by WxJava's own retry", () -> {
            service.getAccessToken();
            long before = control.tokenFetches();
            control.post("/sandbox/tokens/expire", Map.of());
            service.getMsgService().sendSubscribeMsg(order());
            same("fetches", before + 1, control.tokenFetches());
        });
        checks.check(kind + " token: one that is no longer the latest is replaced as well", () -> {
            control.post("/sandbox/tokens/invalidate", Map.of());
            service.getMsgService().sendSubscribeMsg(order());
        });
    }

    private void logins() {
        checks.check("jsCode2SessionInfo: the openid and a session key", () -> {
            var session = service.jsCode2SessionInfo(control.loginCode(USER));
            same("openid", USER, session.getOpenid());
            holds("a session key of 16 bytes", java.util.Base64.getDecoder().decode(session.getSessionKey()).length == 16);
        });
        checks.check("jsCode2SessionInfo: a code works once (40163)", () -> {
            String code = control.loginCode(USER);
            service.jsCode2SessionInfo(code);
            refused(40163, () -> service.jsCode2SessionInfo(code));
        });
        checks.check("jsCode2SessionInfo: a code that nobody got (40029)",
            () -> refused(40029, () -> service.jsCode2SessionInfo("nobodys-code")));
        checks.check("jsCode2SessionInfo: a blocked user (40226)", () -> {
            String openid = "oInteropBlocked";
            control.post("/sandbox/users", Map.of("openid", openid, "standing", "blocked"));
            String code = control.loginCode(openid);
            refused(40226, () -> service.jsCode2SessionInfo(code));
        });
    }

    private void sends() {
        checks.check("sendSubscribeMsg: taken as it was meant", () -> {
            service.getMsgService().sendSubscribeMsg(order());
            var taken = control.lastAccepted();
            same("openid", USER, taken.get("openid").getAsString());
            same("template", ORDER_COMPLETED, taken.get("template_id").getAsString());
            same("page", "pages/order/detail?id=SO1", taken.get("page").getAsString());
            same("data", "￥128.50", taken.getAsJsonObject("data").get("amount3").getAsString());
        });
        checks.check("sendSubscribeMsg: one accept is one message, then 43101", () -> {
            control.post("/sandbox/grants", Map.of("check", "on"));
            try {
                refused(43101, () -> service.getMsgService().sendSubscribeMsg(order()));
                control.subscribe(USER, Map.of(ORDER_COMPLETED, "accept"));
                service.getMsgService().sendSubscribeMsg(order());
                refused(43101, () -> service.getMsgService().sendSubscribeMsg(order()));
            } finally {
                control.post("/sandbox/grants", Map.of("check", "off"));
            }
        });
        checks.check("sendSubscribeMsg: a value that breaks its rule (47003) is named", () -> {
            var message = order();
            message.getData().set(0, new MsgData("character_string1", "订单一"));
            WxError error = refused(47003, () -> service.getMsgService().sendSubscribeMsg(message));
            holds("names the field: " + error.getJson(), error.getJson().contains("data.character_string1.value"));
        });
        checks.check("sendSubscribeMsg: no such user (40003), no such template (40037)", () -> {
            var stranger = order();
            stranger.setToUser("nobody");
            refused(40003, () -> service.getMsgService().sendSubscribeMsg(stranger));
            var unknown = order();
            unknown.setTemplateId("unknown");
            refused(40037, () -> service.getMsgService().sendSubscribeMsg(unknown));
        });
        checks.check("sendSubscribeMsg: WeChat is busy (-1) twice, and WxJava tries on", () -> {
            control.script("send", 2, -1);
            service.getMsgService().sendSubscribeMsg(order());
        });
        checks.check("sendSubscribeMsg: the minute is used up (45011)", () -> {
            control.script("send", 1, 45011);
            refused(45011, () -> service.getMsgService().sendSubscribeMsg(order()));
        });
    }

    private void templates() {
        checks.check("getTemplateList: the templates of the app", () -> {
            var templates = service.getSubscribeService().getTemplateList();
            same("templates", 3, templates.size());
            for (var template : templates) {
                holds("a title", !template.getTitle().isEmpty());
                holds("an id of ours", List.of(ORDER_COMPLETED, SHIPMENT_ARRIVED, CLASS_STARTING).contains(template.getPriTmplId()));
                same("kind", template.getPriTmplId().equals(CLASS_STARTING) ? 3 : 2, template.getType());
                holds("content: " + template.getContent(), template.getContent().matches("(?s)(.+:\\{\\{[a-z_]+\\d+\\.DATA}}\n?)+"));
            }
        });
        checks.check("getCategory, addTemplate, delTemplate: a template of the library comes and goes", () -> {
            var subscribe = service.getSubscribeService();
            String[] categories = subscribe.getCategory().stream().map(it -> String.valueOf(it.getId())).toArray(String[]::new);
            var titles = subscribe.getPubTemplateTitleList(categories, 0, 30);
            holds("titles", titles.getCount() > 0);
            String tid = String.valueOf(titles.getData().get(0).getTid());
            var keywords = subscribe.getPubTemplateKeyWordsById(tid);
            var two = keywords.stream().limit(2).map(it -> it.getKid()).toList();
            String added = subscribe.addTemplate(tid, two, "interop");
            same("templates", 4, subscribe.getTemplateList().size());
            subscribe.delTemplate(added);
            same("templates", 3, subscribe.getTemplateList().size());
        });
    }

    private void customerMessages() {
        var text = WxMaKefuMessage.newTextBuilder().toUser(USER).content("您好").build();
        checks.check("sendKefuMsg: nothing before the user writes (45015)",
            () -> refused(45015, () -> service.getMsgService().sendKefuMsg(text)));
        checks.check("sendKefuMsg: five messages after he wrote, then 45047", () -> {
            control.post("/sandbox/users/message", Map.of("openid", USER, "text", "在吗"));
            for (int i = 0; i < 4; i++) {
                service.getMsgService().sendKefuMsg(text);
            }
            var page = WxMaKefuMessage.newMaPageBuilder().toUser(USER).title("订单").pagePath("pages/order/detail")
                .thumbMediaId("media-1").build();
            service.getMsgService().sendKefuMsg(page);
            refused(45047, () -> service.getMsgService().sendKefuMsg(text));
        });
    }

    private void quotas() {
        checks.check("getApiQuota: the day's limit and what is left", () -> {
            control.post("/sandbox/quota", Map.of("daily_limit", 100, "used", 40));
            String quota = String.valueOf(service.getWxMaOpenApiService().getApiQuota(SEND_PATH).getQuota());
            for (String figure : List.of("dailyLimit=100", "used=40", "remain=60")) {
                holds(figure + " in " + quota, quota.contains(figure));
            }
        });
        checks.check("getApiQuota: an unknown path (76021)",
            () -> refused(76021, () -> service.getWxMaOpenApiService().getApiQuota("/cgi-bin/nothing")));
        checks.check("a used-up day (45009), and clearQuota", () -> {
            control.post("/sandbox/quota", Map.of("daily_limit", 100, "used", 100));
            refused(45009, () -> service.getMsgService().sendSubscribeMsg(order()));
            service.getWxMaOpenApiService().clearQuota();
            service.getMsgService().sendSubscribeMsg(order());
        });
        checks.check("getRidInfo: what a refused call was", () -> {
            var message = order();
            message.setToUser("nobody");
            WxError error = refused(40003, () -> service.getMsgService().sendSubscribeMsg(message));
            Matcher rid = Pattern.compile("rid: ([0-9a-f-]+)").matcher(error.getJson());
            holds("a rid in " + error.getJson(), rid.find());
            var info = service.getWxMaOpenApiService().getRidInfo(rid.group(1));
            holds("the URL: " + info.getRequestUrl(), info.getRequestUrl().contains(SEND_PATH));
            holds("the request", info.getRequestBody().contains("nobody"));
            holds("the answer", info.getResponseBody().contains("40003"));
        });
    }

    private void callbacks() throws Exception {
        for (String mode : List.of("plain", "compatible", "secure")) {
            for (String format : List.of("xml", "json")) {
                try (Receiver receiver = new Receiver(service)) {
                    callbacks(mode, format, receiver);
                }
            }
        }
    }

    private void callbacks(String mode, String format, Receiver receiver) {
        String name = "callbacks, " + mode + " " + format + ": ";
        boolean registered = checks.check(name + "the URL check", () -> {
            control.post("/sandbox/callbacks", receiver.registration(APPID, mode, format));
            same("URL checks", 1, receiver.urlChecks());
        });
        if (!registered) {
            return; // nothing would come
        }
        checks.check(name + "a popup with one template", () -> {
            control.subscribe(USER, Map.of(ORDER_COMPLETED, "accept"));
            var push = receiver.next("subscribe_msg_popup_event");
            same("user", USER, push.message().getFromUser());
            var items = push.message().getSubscribeMsgPopupEvent().getList();
            same("items", 1, items.size());
            same("template", ORDER_COMPLETED, items.get(0).getTemplateId());
            same("answer", "accept", items.get(0).getSubscribeStatusString());
            same("the body is encrypted", !mode.equals("plain"), push.body().contains("Encrypt"));
            same("the body is readable", !mode.equals("secure"), push.body().contains("subscribe_msg_popup_event"));
        });
        checks.check(name + "a popup with two templates", () -> {
            control.subscribe(USER, Map.of(ORDER_COMPLETED, "accept", SHIPMENT_ARRIVED, "reject"));
            var items = receiver.next("subscribe_msg_popup_event").message().getSubscribeMsgPopupEvent().getList();
            same("items", 2, items.size());
            for (var item : items) {
                String expected = item.getTemplateId().equals(ORDER_COMPLETED) ? "accept" : "reject";
                same("answer", expected, item.getSubscribeStatusString());
            }
        });
        checks.check(name + "a send, and its receipt with the same msgid", () -> {
            service.getMsgService().sendSubscribeMsg(order());
            var push = receiver.next("subscribe_msg_sent_event");
            var sent = push.message().getSubscribeMsgSentEvent().getList();
            same("msgid", control.lastAccepted().get("msgid").getAsString(), sent.getMsgId());
            same("template", ORDER_COMPLETED, sent.getTemplateId());
            same("code", "0", sent.getErrorCode());
            same("user", USER, push.message().getFromUser());
        });
        checks.check(name + "a template switched off in the settings", () -> {
            control.post("/sandbox/users/settings", Map.of("openid", USER, "templates", Map.of(ORDER_COMPLETED, "off")));
            var items = receiver.next("subscribe_msg_change_event").message().getSubscribeMsgChangeEvent().getList();
            same("items", 1, items.size());
            same("answer", "reject", items.get(0).getSubscribeStatusString());
            control.post("/sandbox/users/settings", Map.of("openid", USER, "templates", Map.of(ORDER_COMPLETED, "on")));
        });
        checks.check(name + "a word of the user", () -> {
            control.post("/sandbox/users/message", Map.of("openid", USER, "text", "在吗 <&>"));
            same("text", "在吗 <&>", receiver.next("text").message().getContent());
        });
        checks.check(name + "a forged one is refused", () -> {
            control.post("/sandbox/callbacks/push", Map.of("openid", USER, "signature", "forged",
                "message", Map.of("MsgType", "event", "Event", "user_enter_tempsession")));
            String problem = String.valueOf(receiver.refused().getMessage());
            String reason = mode.equals("plain") ? "checkSignature refuses" : "加密消息签名校验失败";
            holds("for its signature: " + problem, problem.contains(reason));
        });
        if (format.equals("json")) {
            checks.check(name + "a list of one as an array, and a time as a string", () -> {
                var registration = new java.util.HashMap<>(receiver.registration(APPID, mode, format));
                registration.put("list_of_one", "array");
                registration.put("create_time", "string");
                control.post("/sandbox/callbacks", registration);
                control.subscribe(USER, Map.of(ORDER_COMPLETED, "accept"));
                var message = receiver.next("subscribe_msg_popup_event").message();
                same("items", 1, message.getSubscribeMsgPopupEvent().getList().size());
                holds("a time", message.getCreateTime() > 1_700_000_000);
            });
        }
    }

    private static WxMaSubscribeMessage order() {
        return WxMaSubscribeMessage.builder()
            .toUser(USER).templateId(ORDER_COMPLETED).page("pages/order/detail?id=SO1").miniprogramState("formal").lang("zh_CN")
            .data(new java.util.ArrayList<>(List.of(
                new MsgData("character_string1", "SO1"),
                new MsgData("thing2", "拿铁 等2件"),
                new MsgData("amount3", "￥128.50"),
                new MsgData("time4", "2026年11月22日 16:30"),
                new MsgData("phrase5", "已完成"))))
            .build();
    }

    private static WxError refused(int code, Checks.Check call) throws Exception {
        try {
            call.run();
        } catch (WxErrorException exception) {
            same("code", code, exception.getError().getErrorCode());
            return exception.getError();
        }
        throw new AssertionError("expected " + code + ", and it was taken");
    }
}
