package interop;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Map;

/** The sandbox's control API: what a test says to it, and asks of it, beside the calls of WeChat that WxJava makes. */
final class Control {
    private final HttpClient http = HttpClient.newHttpClient();
    private final String sandbox;

    Control(String sandbox) {
        this.sandbox = sandbox;
    }

    /** The code that `wx.login` gives this user. */
    String loginCode(String openid) throws Exception {
        return post("/sandbox/users/login", Map.of("openid", openid)).get("code").getAsString();
    }

    /** The user answers the popup. */
    void subscribe(String openid, Map<String, String> answers) throws Exception {
        JsonObject told = post("/sandbox/users/subscribe", Map.of("openid", openid, "answers", answers));
        Checks.same("what the popup tells", "requestSubscribeMessage:ok", told.get("errMsg").getAsString());
    }

    /** The next calls of `on`, so many, get this code of WeChat's. */
    void script(String on, int times, int code) throws Exception {
        post("/sandbox/scripts", List.of(Map.of("on", on, "times", times, "answer", Map.of("errcode", Map.of("code", code)))));
    }

    long tokenFetches() throws Exception {
        return get("/sandbox/stats").get("token_fetches").getAsLong();
    }

    /** The send that was accepted last. */
    JsonObject lastAccepted() throws Exception {
        var accepted = get("/sandbox/log").getAsJsonArray("accepted");
        Checks.holds("something was accepted", !accepted.isEmpty());
        return accepted.get(accepted.size() - 1).getAsJsonObject();
    }

    JsonObject post(String path, Object body) throws Exception {
        return answer(HttpRequest.newBuilder(URI.create(sandbox + path))
            .POST(HttpRequest.BodyPublishers.ofString(new Gson().toJson(body))));
    }

    private JsonObject get(String path) throws Exception {
        return answer(HttpRequest.newBuilder(URI.create(sandbox + path)));
    }

    private JsonObject answer(HttpRequest.Builder request) throws Exception {
        HttpResponse<String> response = http.send(request.build(), HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            throw new AssertionError(response.uri().getPath() + " answered " + response.statusCode() + ": " + response.body());
        }
        return JsonParser.parseString(response.body()).getAsJsonObject();
    }
}
