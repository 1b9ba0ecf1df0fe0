//! The template calls over HTTP.

use super::*;

struct Templates {
    sandbox: Sandbox,
    client: Client,
    token: String,
}

async fn templates() -> Templates {
    let (sandbox, client) = given(json!({})).await;
    let token = token(&sandbox, &client).await;
    Templates {
        sandbox,
        client,
        token,
    }
}

impl Templates {
    async fn get(&self, name: &str, query: &str) -> Value {
        let (base, token) = (self.sandbox.base_url(), &self.token);
        let url = format!("{base}/wxaapi/newtmpl/{name}?access_token={token}&{query}");
        get(&self.client, url).await
    }

    async fn post(&self, name: &str, body: &str) -> Value {
        let (base, token) = (self.sandbox.base_url(), &self.token);
        let url = format!("{base}/wxaapi/newtmpl/{name}?access_token={token}");
        post(&self.client, url, body.to_owned()).await.unwrap()
    }
}

#[tokio::test]
async fn a_template_is_chosen_used_and_deleted() {
    let it = templates().await;
    assert_eq!(it.get("getcategory", "").await["data"][0]["id"], 307);
    let titles = it
        .get("getpubtemplatetitles", "ids=307,616&start=1&limit=2")
        .await;
    assert_eq!(
        (&titles["count"], titles["data"].as_array().unwrap().len()),
        (&json!(4), 2)
    );
    let tid = &titles["data"][0]["tid"];
    let keywords = it
        .get("getpubtemplatekeywords", &format!("tid={tid}"))
        .await;
    assert_eq!(keywords["data"][3]["rule"], "enum_string");

    let add = format!(r#"{{"tid":"{tid}","kidList":[4,1],"sceneDesc":"取快递"}}"#);
    let id = it.post("addtemplate", &add).await["priTmplId"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(it.post("addtemplate", &add).await["errcode"], 200_022);
    let list = it.get("gettemplate", "").await;
    let listed = list["data"].as_array().unwrap();
    let listed = listed.iter().find(|it| it["priTmplId"] == id).unwrap();
    assert_eq!(
        listed["content"],
        "快递公司:{{enum_string4.DATA}}\n商品名称:{{thing1.DATA}}\n"
    );
    assert_eq!(listed["example"], "快递公司:顺丰速运\n商品名称:拿铁\n");
    assert_eq!(
        listed["keywordEnumValueList"],
        json!([{ "keywordCode": "enum_string4.DATA", "enumValueList": ["顺丰速运", "中通快递", "圆通速递", "其他快递"] }])
    );

    let url = format!(
        "{}/cgi-bin/message/subscribe/send?access_token={}",
        it.sandbox.base_url(),
        it.token
    );
    let message = |company: &str| {
        let data = json!({ "enum_string4": { "value": company }, "thing1": { "value": "拿铁" } });
        json!({ "touser": "o1", "template_id": id, "data": data }).to_string()
    };
    let errcode =
        async |body: String| post(&it.client, url.clone(), body).await.unwrap()["errcode"].clone();
    assert_eq!(errcode(message("中通快递")).await, 0);
    assert_eq!(errcode(message("别家")).await, 47003);
    let delete = json!({ "priTmplId": id }).to_string();
    assert_eq!(it.post("deltemplate", &delete).await["errcode"], 0);
    assert_eq!(it.post("deltemplate", &delete).await["errcode"], 20001);
    assert_eq!(errcode(message("中通快递")).await, 40037);
}

#[tokio::test]
async fn odd_questions_have_their_codes() {
    let it = templates().await;
    for (query, code) in [
        ("start=0&limit=30", 200_018),
        ("ids=307,1&start=0&limit=30", 200_019),
        ("ids=307&limit=30", 200_016),
        ("ids=307&start=-1&limit=30", 200_016),
        ("ids=307&start=0", 200_017),
        ("ids=307&start=0&limit=31", 200_017),
        ("ids=307%2C616&start=0&limit=30", 0),
    ] {
        let answer = it.get("getpubtemplatetitles", query).await;
        assert_eq!(answer["errcode"], code, "{query}");
    }
    assert_eq!(
        it.get("getpubtemplatekeywords", "tid=1").await["errcode"],
        200_014
    );
    for (body, code) in [
        ("", 44002),
        ("[]", 47001),
        (r#"{"tid":"1","kidList":[1,2],"sceneDesc":"x"}"#, 200_014),
        (r#"{"tid":"1001","kidList":[1],"sceneDesc":"x"}"#, 200_020),
        (r#"{"tid":"1001","kidList":[1,2]}"#, 200_021),
        (
            r#"{"tid":1001,"kidList":[1,2],"sceneDesc":"一二三四五六七八九十一二三四五六"}"#,
            200_021,
        ),
        (
            r#"{"tid":1001,"kidList":[1,2],"sceneDesc":"一二三四五六七八九十一二三四五"}"#,
            0,
        ),
        ("tid=1001&kidList=3,4&sceneDesc=x", 0),
    ] {
        assert_eq!(
            it.post("addtemplate", body).await["errcode"],
            code,
            "{body}"
        );
    }
    assert_eq!(it.post("deltemplate", "{}").await["errcode"], 20002);
    assert_eq!(it.get("addtemplate", "").await["errcode"], 43002);
    assert_eq!(it.post("gettemplate", "{}").await["errcode"], 43001);
}

#[tokio::test]
async fn a_catalog_is_replaced() {
    let it = templates().await;
    let url = format!("{}/sandbox/templates", it.sandbox.base_url());
    let mut catalog = get(&it.client, url).await;
    assert_eq!(catalog["templates"]["T"]["kind"], "one-time");
    catalog["templates"] = json!({ "U": { "title": "u", "kind": "long-term", "params": ["date2"], "labels": { "date2": "时间" } } });
    control(&it.sandbox, &it.client, "templates", catalog).await;
    let list = it.get("gettemplate", "").await;
    assert_eq!(
        list["data"],
        json!([{
            "priTmplId": "U", "title": "u", "type": 3,
            "content": "时间:{{date2.DATA}}\n", "example": "时间:2019年10月1日\n", "keywordEnumValueList": [],
        }])
    );
    control(&it.sandbox, &it.client, "reset", json!(null)).await;
    assert_eq!(it.sandbox.handle().stats().accepted, 0);
}
