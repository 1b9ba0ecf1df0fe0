//! The clouds that teams rent their brokers from: how one is recognised, and what its brokers want in `courier.toml`.

use serde::Serialize;

/// Who runs the brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    /// Aliyun's `ApsaraMQ` for Kafka.
    Aliyun,
    /// Tencent's `CKafka`.
    Tencent,
    /// Huawei's DMS for Kafka.
    Huawei,
    /// Amazon's MSK.
    Amazon,
    /// Kafka's protocol on Apache Pulsar.
    Pulsar,
}

/// Whose code brokers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Apache Kafka's, as far as is known: it refuses what Kafka refuses.
    Kafka,
    /// Another one, which may keep what Kafka refuses.
    Other,
}

impl Cloud {
    /// Knows a cloud by the names of its brokers, those that the settings name and those that the cluster names. Addresses tell nothing.
    pub fn of<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        hosts.into_iter().find_map(|host| {
            let host = host.to_ascii_lowercase();
            let name = host
                .rsplit_once(':')
                .map_or(host.as_str(), |(name, _)| name);
            Self::of_name(name)
        })
    }

    fn of_name(name: &str) -> Option<Self> {
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        if name.contains("alikafka") && ends(&[".aliyuncs.com"]) {
            Some(Self::Aliyun)
        } else if name.contains("ckafka")
            && ends(&[".tencentcloudmq.com", ".tencentcs.com", ".tencenttdmq.com"])
        {
            Some(Self::Tencent)
        } else if ends(&[".huaweicloud.com", ".myhuaweicloud.com"]) {
            Some(Self::Huawei)
        } else if (name.contains(".kafka.") || name.contains(".kafka-serverless."))
            && ends(&[".amazonaws.com", ".amazonaws.com.cn"])
        {
            Some(Self::Amazon)
        } else if ends(&[".streamnative.cloud", ".snio.cloud"]) || name.contains("pulsar") {
            Some(Self::Pulsar)
        } else {
            None
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aliyun => "Aliyun ApsaraMQ for Kafka",
            Self::Tencent => "Tencent Cloud CKafka",
            Self::Huawei => "Huawei Cloud DMS for Kafka",
            Self::Amazon => "Amazon MSK",
            Self::Pulsar => "Kafka's protocol on Pulsar",
        }
    }

    /// Whose code its brokers run.
    pub fn engine(self) -> Engine {
        match self {
            Self::Tencent | Self::Huawei | Self::Amazon => Engine::Kafka,
            Self::Aliyun | Self::Pulsar => Engine::Other,
        }
    }

    /// The lines for `courier.toml`, as far as they are the same for all its customers.
    pub fn lines(self) -> &'static [&'static str] {
        match self {
            Self::Aliyun => &[
                "[kafka]",
                "producer      = \"plain\"                # topics on cloud storage refuse idempotent producers; `auto` finds out",
                "password_file = \"secrets/kafka\"",
                "",
                "[kafka.options]",
                "security.protocol = \"SASL_SSL\"         # port 9093 (internet) or 9095 (VPC); 9094: SASL_PLAINTEXT; 9092: PLAINTEXT",
                "sasl.mechanism    = \"PLAIN\"            # or SCRAM-SHA-256, as the user was made",
                "sasl.username     = \"USER\"",
                "ssl.ca.location   = \"/etc/ssl/only-4096-ca-cert.pem\"    # the CA that Aliyun gives out",
                "ssl.endpoint.identification.algorithm = \"none\"          # its certificate is for another name",
                "# Topics and groups are made in the console: `wx-courier topics create --print`.",
            ],
            Self::Tencent => &[
                "[kafka]",
                "password_file = \"secrets/kafka\"",
                "",
                "[kafka.options]",
                "security.protocol = \"SASL_PLAINTEXT\"   # SASL_SSL only in the professional edition",
                "sasl.mechanism    = \"PLAIN\"            # or SCRAM-SHA-256",
                "sasl.username     = \"INSTANCE#USER\"    # with the id of the instance",
            ],
            Self::Huawei => &[
                "[kafka]",
                "password_file = \"secrets/kafka\"",
                "",
                "[kafka.options]",
                "security.protocol = \"SASL_SSL\"",
                "sasl.mechanism    = \"SCRAM-SHA-512\"    # or PLAIN",
                "sasl.username     = \"USER\"",
                "ssl.ca.location   = \"/etc/ssl/huawei-dms-ca.pem\"        # from the page of the instance",
                "ssl.endpoint.identification.algorithm = \"none\"          # its certificate is for no host name",
            ],
            Self::Amazon => &[
                "[kafka]",
                "password_file = \"secrets/kafka\"",
                "",
                "[kafka.options]",
                "security.protocol = \"SASL_SSL\"         # port 9096; 9094: SSL; 9092: PLAINTEXT; 9098 (IAM) is not supported",
                "sasl.mechanism    = \"SCRAM-SHA-512\"",
                "sasl.username     = \"USER\"",
            ],
            Self::Pulsar => &[
                "[kafka]",
                "producer      = \"plain\"                # it refuses idempotent producers; `auto` finds out",
                "password_file = \"secrets/kafka\"        # token:TOKEN",
                "",
                "[kafka.options]",
                "security.protocol = \"SASL_SSL\"         # or SASL_PLAINTEXT",
                "sasl.mechanism    = \"PLAIN\"",
                "sasl.username     = \"TENANT/NAMESPACE\"",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn a_cloud_is_known_by_the_names_of_its_brokers() {
        for (host, cloud) in [
            (
                "alikafka-post-cn-abc-1.alikafka.aliyuncs.com:9093",
                Some(Cloud::Aliyun),
            ),
            (
                "alikafka-pre-cn-abc-1-vpc.alikafka.aliyuncs.com:9094",
                Some(Cloud::Aliyun),
            ),
            (
                "ckafka-abc.ap-guangzhou.ckafka.tencentcloudmq.com:6018",
                Some(Cloud::Tencent),
            ),
            (
                "b-1.events.abc.c2.kafka.cn-north-1.amazonaws.com.cn:9096",
                Some(Cloud::Amazon),
            ),
            (
                "boot-abc.c1.kafka-serverless.us-east-1.amazonaws.com:9098",
                Some(Cloud::Amazon),
            ),
            ("kop.o-abc.aws-use2.snio.cloud:9093", Some(Cloud::Pulsar)),
            ("10.0.0.5:9092", None),
            ("kafka-1.example.com:9092", None),
            ("", None),
        ] {
            assert_eq!(Cloud::of([host]), cloud, "{host}");
        }
        let (own, theirs) = ("10.0.0.5:9092", "x.alikafka.aliyuncs.com:9094");
        assert_eq!(Cloud::of([own, theirs]), Some(Cloud::Aliyun));
    }

    /// Lines that do not pass `check` would be no help.
    #[test]
    fn the_lines_of_every_cloud_are_settings() {
        for cloud in [
            Cloud::Aliyun,
            Cloud::Tencent,
            Cloud::Huawei,
            Cloud::Amazon,
            Cloud::Pulsar,
        ] {
            let folder = tempfile::tempdir().unwrap();
            let secret = folder.path().join("secret");
            std::fs::write(&secret, "hunter2").unwrap();
            let lines = cloud.lines().join("\n");
            let lines = lines.replace("secrets/kafka", &secret.display().to_string());
            let lines = lines.replacen("[kafka]", "[kafka]\ntopics = [\"events\"]", 1);
            let app = "[apps.shop]\nappid = \"wx1\"\nsecret = \"s\"\n";
            std::fs::write(
                folder.path().join("courier.toml"),
                format!("{lines}\n{app}"),
            )
            .unwrap();
            let loaded = load(&Sources {
                folder: folder.path().to_owned(),
                working_folder: folder.path().to_owned(),
                environment: BTreeMap::new(),
                flags: Vec::new(),
            });
            let kafka = loaded.settings.map(|settings| settings.kafka);
            assert!(kafka.is_some(), "{cloud:?}: {}", loaded.problems);
        }
    }
}
