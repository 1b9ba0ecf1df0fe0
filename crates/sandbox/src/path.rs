//! The paths that are served, and what is true of each: how it is asked, how the caller proves which app it is, and its name in a
//! script.

use crate::script::Endpoint;

/// The API's paths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Path {
    Send,
    CustomSend,
    UniformSend,
    TemplateSend,
    StableToken,
    Token,
    Login,
    Templates,
    AddTemplate,
    DeleteTemplate,
    Categories,
    PublicTitles,
    PublicKeywords,
    QuotaGet,
    QuotaClear,
    ClearQuota,
    ClearQuotaV2,
    RidGet,
    /// Whatever is none of these.
    Unknown,
}

/// The method that a path wants; another one is answered with 43001 or 43002.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    Get,
    Post,
}

/// How the caller proves which app it speaks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Proof {
    /// By `access_token` in the query.
    Token,
    /// By appid and `AppSecret`, in query or body.
    Secret,
}

impl Path {
    pub(super) const ALL: [Self; 19] = [
        Self::Send,
        Self::CustomSend,
        Self::UniformSend,
        Self::TemplateSend,
        Self::StableToken,
        Self::Token,
        Self::Login,
        Self::Templates,
        Self::AddTemplate,
        Self::DeleteTemplate,
        Self::Categories,
        Self::PublicTitles,
        Self::PublicKeywords,
        Self::QuotaGet,
        Self::QuotaClear,
        Self::ClearQuota,
        Self::ClearQuotaV2,
        Self::RidGet,
        Self::Unknown,
    ];

    /// The paths that can be called.
    pub(super) fn served() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|path| *path != Self::Unknown)
    }

    /// The path of this name, as `cgi_path` gives it.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::served().find(|path| path.as_str() == name)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Send => "/cgi-bin/message/subscribe/send",
            Self::CustomSend => "/cgi-bin/message/custom/send",
            Self::UniformSend => "/cgi-bin/message/wxopen/template/uniform_send",
            Self::TemplateSend => "/cgi-bin/message/wxopen/template/send",
            Self::StableToken => "/cgi-bin/stable_token",
            Self::Token => "/cgi-bin/token",
            Self::Login => "/sns/jscode2session",
            Self::Templates => "/wxaapi/newtmpl/gettemplate",
            Self::AddTemplate => "/wxaapi/newtmpl/addtemplate",
            Self::DeleteTemplate => "/wxaapi/newtmpl/deltemplate",
            Self::Categories => "/wxaapi/newtmpl/getcategory",
            Self::PublicTitles => "/wxaapi/newtmpl/getpubtemplatetitles",
            Self::PublicKeywords => "/wxaapi/newtmpl/getpubtemplatekeywords",
            Self::QuotaGet => "/cgi-bin/openapi/quota/get",
            Self::QuotaClear => "/cgi-bin/openapi/quota/clear",
            Self::ClearQuota => "/cgi-bin/clear_quota",
            Self::ClearQuotaV2 => "/cgi-bin/clear_quota/v2",
            Self::RidGet => "/cgi-bin/openapi/rid/get",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn method(self) -> Method {
        match self {
            Self::Token
            | Self::Login
            | Self::Templates
            | Self::Categories
            | Self::PublicTitles
            | Self::PublicKeywords => Method::Get,
            Self::Send
            | Self::CustomSend
            | Self::UniformSend
            | Self::TemplateSend
            | Self::StableToken
            | Self::AddTemplate
            | Self::DeleteTemplate
            | Self::QuotaGet
            | Self::QuotaClear
            | Self::ClearQuota
            | Self::ClearQuotaV2
            | Self::RidGet
            | Self::Unknown => Method::Post,
        }
    }

    pub(super) fn proof(self) -> Proof {
        match self {
            Self::StableToken | Self::Token | Self::Login | Self::ClearQuotaV2 => Proof::Secret,
            Self::Send
            | Self::CustomSend
            | Self::UniformSend
            | Self::TemplateSend
            | Self::Templates
            | Self::AddTemplate
            | Self::DeleteTemplate
            | Self::Categories
            | Self::PublicTitles
            | Self::PublicKeywords
            | Self::QuotaGet
            | Self::QuotaClear
            | Self::ClearQuota
            | Self::RidGet
            | Self::Unknown => Proof::Token,
        }
    }

    /// What a script calls it.
    pub(super) fn endpoint(self) -> Endpoint {
        match self {
            Self::Send => Endpoint::Send,
            Self::CustomSend => Endpoint::CustomSend,
            Self::UniformSend => Endpoint::UniformSend,
            Self::TemplateSend => Endpoint::TemplateSend,
            Self::StableToken | Self::Token => Endpoint::Token,
            Self::Login => Endpoint::Login,
            Self::Templates => Endpoint::Gettemplate,
            Self::AddTemplate => Endpoint::Addtemplate,
            Self::DeleteTemplate => Endpoint::Deltemplate,
            Self::Categories => Endpoint::Getcategory,
            Self::PublicTitles => Endpoint::Getpubtemplatetitles,
            Self::PublicKeywords => Endpoint::Getpubtemplatekeywords,
            Self::QuotaGet => Endpoint::QuotaGet,
            Self::QuotaClear => Endpoint::QuotaClear,
            Self::ClearQuota | Self::ClearQuotaV2 => Endpoint::ClearQuota,
            Self::RidGet => Endpoint::RidGet,
            Self::Unknown => Endpoint::Any,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_by_its_name() {
        assert!(Path::served().all(|path| Path::of(path.as_str()) == Some(path)));
        assert_eq!(Path::of("unknown"), None);
        assert_eq!(Path::of("/cgi-bin/other"), None);
    }
}
