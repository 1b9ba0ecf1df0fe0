//! A test of your own against the sandbox: start it, let your code call it, and look at what WeChat would have got.
//!
//! `cargo run -p wx-courier-sandbox --example ten_lines`

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::error::Error;

use tokio::net::TcpListener;
use wx_courier_sandbox::{Sandbox, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::with_app("wx0123456789abcdef", "secret");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let sandbox = Sandbox::start(listener, settings)?;

    // Instead of this, call your own code with `sandbox.base_url()` for `https://api.weixin.qq.com`.
    let client = reqwest::Client::new();
    let token_url = format!("{}/cgi-bin/stable_token", sandbox.base_url());
    let body =
        r#"{"grant_type":"client_credential","appid":"wx0123456789abcdef","secret":"secret"}"#;
    let answer = client
        .post(token_url)
        .body(body)
        .send()
        .await?
        .text()
        .await?;
    println!("a token: {answer}");

    println!("calls: {:?}", sandbox.handle().stats());
    println!("sent: {:?}", sandbox.handle().accepted());
    sandbox.shutdown().await;
    Ok(())
}
