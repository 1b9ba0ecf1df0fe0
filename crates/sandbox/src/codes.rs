//! The texts that go with WeChat's codes.
//!
//! WeChat: the tables of each API and the global list of return codes; where those give no text, the one that was recorded.

/// The text without the request id that follows it.
pub(super) fn usual_text(code: i64) -> &'static str {
    match code {
        40001 => {
            "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, \
             more details at https://mmbizurl.cn/s/JtxxFh33r"
        }
        40002 => "invalid grant_type",
        40003 => "invalid openid",
        40007 => "invalid media_id",
        40008 => "invalid message type",
        40013 => "invalid appid",
        40014 => "invalid access_token",
        40029 => "invalid code",
        40037 => "invalid template_id",
        40066 => "invalid url",
        40125 => "invalid appsecret",
        40163 => "code been used",
        40164 => "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist",
        40226 => "code blocked",
        41001 => "access_token missing",
        41002 => "appid missing",
        41004 => "appsecret missing",
        41008 => "missing code",
        41030 => "invalid page",
        42001 => "access_token expired",
        43001 => "require GET method",
        43002 => "require POST method",
        43101 => "user refuse to accept the msg",
        43106 => "not allow to add template, for punishment",
        43108 => "Cannot make concurrent calls to the same OpenID, please try again",
        43116 => "This template_id is banned",
        44002 => "empty post data",
        44004 => "empty content",
        45002 => "content size out of limit",
        45009 => "reach max api daily quota limit",
        45011 => "api minute-quota reach limit mustslower retry next minute",
        45015 => "response out of time limit or subscription is canceled",
        45047 => "out of response count limit",
        45103 => "this api is offline",
        45109 => "This API has been unsupported",
        45168 => "keyword in blacklist",
        47001 => "data format error",
        47002 => {
            "data format error, do NOT use json unicode encode (\\uxxxx\\uxxxx), please use utf8 encoded text"
        }
        47003 => "argument invalid!",
        48001 => "api unauthorized",
        48004 => "api forbidden for irregularities",
        48006 => "forbid to clear quota because of reaching the limit",
        50002 => "user limited",
        50004 => "user not allow to use accesstoken, maybe for punishment",
        76001 => "rid not found",
        76002 => "rid is error",
        76003 => "could not query this rid, no permission",
        76004 => "rid is expired",
        76021 => "cgi_path not found, please check",
        76022 => "could not use this cgi_path, no permission",
        -1 | 20001 | 200_001 => "system error",
        20002 | 200_002 => "invalid args",
        200_011 => "this account has been banned",
        200_012 => "the number of private templates reaches the limit",
        200_014 => "invalid tid",
        200_016 => "invalid start",
        200_017 => "invalid limit",
        200_018 => "ids missing",
        200_019 => "invalid ids",
        200_020 => "invalid kidList",
        200_021 => "invalid sceneDesc",
        200_022 => "a template with the same title and keywords exists",
        _ => "error",
    }
}
