package courier;

import cn.binarywang.wx.miniapp.api.WxMaService;
import cn.binarywang.wx.miniapp.api.impl.WxMaServiceHttpComponentsImpl;
import cn.binarywang.wx.miniapp.config.impl.WxMaDefaultConfigImpl;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import me.chanjar.weixin.common.util.http.hc.DefaultHttpComponentsClientBuilder;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.scheduling.concurrent.CustomizableThreadFactory;

/** WxJava, its connections, and the threads that wait for its answers. */
@Configuration(proxyBeanMethods = false)
class WeChatConfiguration {
    /** The first try and two more for -1, as many as wx-courier makes. */
    private static final int BUSY_RETRIES = 2;
    private static final int BUSY_SLEEP_MS = 500;

    @Bean
    WxMaService wxMaService(CourierProperties properties) {
        // WxJava's pool holds 10 connections to a host unless told otherwise. HttpClient says that such limits are too tight for a
        // client that calls one service: https://hc.apache.org/httpcomponents-client-ga/tutorial/html/connmgmt.html
        var http = DefaultHttpComponentsClientBuilder.get();
        http.setMaxConnPerHost(properties.inFlight());
        http.setMaxTotalConn(properties.inFlight());
        // 5 s unless told otherwise.
        http.setSoTimeout((int) TimeUnit.SECONDS.toMillis(properties.timeoutS()));

        var config = new WxMaDefaultConfigImpl();
        config.setAppid(properties.wechat().appid());
        config.setSecret(properties.wechat().secret());
        config.setApiHostUrl(properties.wechat().baseUrl());
        config.useStableAccessToken(true);

        var service = new WxMaServiceHttpComponentsImpl();
        service.setMaxRetryTimes(BUSY_RETRIES);
        service.setRetrySleepMillis(BUSY_SLEEP_MS);
        service.setWxMaConfig(config);
        return service;
    }

    /** WxJava blocks, so each call under way has a thread. What waits for one is bounded by what the consumers poll. */
    @Bean(destroyMethod = "shutdown")
    ExecutorService senders(CourierProperties properties) {
        return Executors.newFixedThreadPool(properties.inFlight(), new CustomizableThreadFactory("send-"));
    }
}
