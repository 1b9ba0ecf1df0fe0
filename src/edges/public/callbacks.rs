//! `GET` and `POST /wechat/{app}`: what `WeChat` pushes.

mod crypto;
