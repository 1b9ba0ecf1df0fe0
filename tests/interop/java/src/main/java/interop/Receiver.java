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

/** A server that WeChat pushes to, as a developer would write it with WxJava: it checks the signature, decrypts and parses. */
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

    /** What is entered in the mini program's console to get the pushes here. */
    Map<String, Object> registration(String appid, String mode, String format) {
        var config = service.getWxMaConfig();
        return Map.of("appid", appid, "url", url(), "token", config.getToken(), "aes_key", config.getAesKey(), "mode", mode,
            "format", format);
    }

    /** The next push, parsed; it has to be this event, or of this type if it is none. */
    Push next(String kind) throws Exception {
        Push push = take();
        if (push.problem() != null) {
            throw new AssertionError("WxJava could not read " + push.body() + ": " + push.problem(), push.problem());
        }
        var message = push.message();
        Checks.same("kind", kind, message.getEvent() == null ? message.getMsgType() : message.getEvent());
        return push;
    }

    /** Why WxJava did not take the next push. */
    Exception refused() throws Exception {
        Push push = take();
        Checks.holds("WxJava took " + push.body(), push.problem() != null);
        return push.problem();
    }

    private Push take() throws InterruptedException {
        Push push = pushes.poll(LIMIT_S, TimeUnit.SECONDS);
        Checks.holds("no push within " + LIMIT_S + " s", push != null);
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
            WxMaMessage message = parsed(query, body);
            if (!signed(query)) {
                throw new IllegalStateException("checkSignature refuses the push");
            }
            return new Push(message, body, null);
        } catch (AssertionError | Exception problem) {
            return new Push(null, body, problem instanceof Exception exception ? exception : new IllegalStateException(problem));
        }
    }

    /** What is encrypted is decrypted, also where the plain text stands beside it (compatible mode). */
    private WxMaMessage parsed(Map<String, String> query, String body) {
        boolean xml = body.startsWith("<");
        WxMaMessage readable = xml ? WxMaMessage.fromXml(body) : WxMaMessage.fromJson(body);
        if (readable.getEncrypt() == null) {
            return readable;
        }
        WxMaMessage decrypted = decrypted(query, body, xml);
        if (readable.getMsgType() != null) {
            // Compatible mode: the plain text beside what is encrypted says the same.
            readable.setEncrypt(null);
            for (WxMaMessage message : new WxMaMessage[] {readable, decrypted}) {
                message.setAllFieldsMap(null);
                message.setContext(null);
            }
            Checks.same("what stands beside the encrypted", decrypted, readable);
        }
        return decrypted;
    }

    private WxMaMessage decrypted(Map<String, String> query, String body, boolean xml) {
        var config = service.getWxMaConfig();
        if (xml) {
            return WxMaMessage.fromEncryptedXml(body, config, query.get("timestamp"), query.get("nonce"), query.get("msg_signature"));
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
