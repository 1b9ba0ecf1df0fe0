package courier;

import org.springframework.boot.context.properties.ConfigurationProperties;

/**
 * The settings that are not Kafka's own.
 *
 * @param inFlight calls of WeChat under way at once
 * @param timeoutS how long WeChat may be silent during a call, in seconds
 * @param rate sends a second, or null for no limit
 */
@ConfigurationProperties("courier")
record CourierProperties(String sourceTopic, String outcomeTopic, int inFlight, int timeoutS, Double rate, WeChat wechat) {
    record WeChat(String baseUrl, String appid, String secret, String templateId) {}
}
