package courier;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.listener.CommonErrorHandler;
import org.springframework.kafka.listener.DefaultErrorHandler;
import org.springframework.util.backoff.FixedBackOff;

@Configuration(proxyBeanMethods = false)
class KafkaConfiguration {
    private static final long PAUSE_MS = 1000;

    /**
     * The listener fails only where an outcome could not be published. The batch is then done again until it can be; the default
     * would give it up after ten times, and its events would have no outcome.
     */
    @Bean
    CommonErrorHandler errorHandler() {
        return new DefaultErrorHandler(new FixedBackOff(PAUSE_MS, FixedBackOff.UNLIMITED_ATTEMPTS));
    }
}
