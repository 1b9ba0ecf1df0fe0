package interop;

import cn.binarywang.wx.miniapp.api.WxMaService;
import cn.binarywang.wx.miniapp.bean.WxMaMessage;
import cn.binarywang.wx.miniapp.util.crypt.WxMaCryptUtils;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A server that WeChat pushes to, as somebody would write it with WxJava: it checks the signature, decrypts and parses. */
final class Receiver implements AutoCloseable {
    /** One push, and what WxJava made of it. */
    record Push(WxMaMessage message, String body, Exception problem) {}

    private static final long LIMIT_S = 20;

    private final WxMaService service;
    private final HttpServer server;
    private final BlockingQueue<Push> pushes = new LinkedBlockingQueue<>();
    private volatile int urlChecks;

    Receiver(WxMaService service) throws Exception {
        this.service = service;
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/callback", this::handle);
        server.start();
    }

    String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort() + "/callback";
    }

    int urlChecks() {
        return urlChecks;
    }

    /** The next push, which has to be this event, parsed. */
    Push next(String event) throws Exception {
        Push push = pushes.poll(LIMIT_S, TimeUnit.SECONDS);
        Checks.holds("no push within " + LIMIT_S + " s, expected " + event, push != null);
        if (push.problem() != null) {
            throw new AssertionError("WxJava could not read " + push.body(), push.problem());
        }
        Checks.same("event", event, push.message().getEvent());
        return push;
    }

    @Override
    public void close() {
        server.stop(0);
    }

    private void handle(HttpExchange exchange) {
        try (exchange) {
            Map<String, String> query = query(exchange);
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            String answer;
            if (exchange.getRequestMethod().equals("GET")) {
                urlChecks++;
                answer = signed(query) ? query.get("echostr") : "wrong signature";
            } else {
                pushes.add(read(query, body));
                answer = "success";
            }
            byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, bytes.length);
            exchange.getResponseBody().write(bytes);
        } catch (Exception problem) {
            pushes.add(new Push(null, "", problem));
        }
    }

    private boolean signed(Map<String, String> query) {
        return service.checkSignature(query.get("timestamp"), query.get("nonce"), query.get("signature"));
    }

    private Push read(Map<String, String> query, String body) {
        try {
            if (!signed(query)) {
                throw new IllegalStateException("checkSignature refuses the push");
            }
            return new Push(parsed(query, body), body, null);
        } catch (Exception problem) {
            return new Push(null, body, problem);
        }
    }

    /** What is encrypted is decrypted, also where the plain text stands beside it (compatible mode). */
    private WxMaMessage parsed(Map<String, String> query, String body) {
        var config = service.getWxMaConfig();
        boolean encrypted = "aes".equals(query.get("encrypt_type"));
        if (body.startsWith("<")) {
            return encrypted
                ? WxMaMessage.fromEncryptedXml(body, config, query.get("timestamp"), query.get("nonce"), query.get("msg_signature"))
                : WxMaMessage.fromXml(body);
        }
        if (!encrypted) {
            return WxMaMessage.fromJson(body);
        }
        // fromEncryptedJson does not look at the signature; decryptContent does.
        String encrypt = JsonParser.parseString(body).getAsJsonObject().get("Encrypt").getAsString();
        String plain = new WxMaCryptUtils(config)
            .decryptContent(query.get("msg_signature"), query.get("timestamp"), query.get("nonce"), encrypt);
        WxMaMessage message = WxMaMessage.fromEncryptedJson(body, config);
        Checks.same("both ways to decrypt", WxMaMessage.fromJson(plain), message);
        return message;
    }

    private static Map<String, String> query(HttpExchange exchange) {
        Map<String, String> query = new HashMap<>();
        for (String pair : exchange.getRequestURI().getRawQuery().split("&")) {
            String[] parts = pair.split("=", 2);
            query.put(parts[0], URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
        }
        return query;
    }
}
