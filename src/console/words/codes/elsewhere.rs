//! What other programs of the same mini program meet: its popup, service cards, messages of devices. This service calls none of it.

use super::{BY_ANOTHER, Code, Who, both};

pub(super) const POPUP_EMPTY: Code = Code {
    code: 10001,
    means: both(
        "小程序弹窗：参数是空的",
        "Popup of a mini program: a parameter is empty",
    ),
    who: Who::MiniProgram,
    todo: both(
        "核对传给 `wx.requestSubscribeMessage` 的模板 id。",
        "Compare the template ids that `wx.requestSubscribeMessage` is given.",
    ),
};

pub(super) const POPUP_NO_LIST: Code = Code {
    code: 10002,
    means: both(
        "小程序弹窗：网络问题，没取到模板",
        "Popup of a mini program: no network to fetch the templates",
    ),
    who: Who::MiniProgram,
    todo: both(
        "请用户换个网络再点一次。",
        "Have the user tap again, with a better network.",
    ),
};

pub(super) const POPUP_NOT_SENT: Code = Code {
    code: 10003,
    means: both(
        "小程序弹窗：网络问题，选择没有提交成功",
        "Popup of a mini program: no network to send the choice",
    ),
    who: Who::MiniProgram,
    todo: both(
        "请用户换个网络再点一次。",
        "Have the user tap again, with a better network.",
    ),
};

pub(super) const POPUP_WRONG_ID: Code = Code {
    code: 10004,
    means: both(
        "小程序弹窗：参数类型不对，或模板 id 无效",
        "Popup of a mini program: a wrong type, or no valid template id",
    ),
    who: Who::MiniProgram,
    todo: both(
        "核对传给 `wx.requestSubscribeMessage` 的模板 id。",
        "Compare the template ids that `wx.requestSubscribeMessage` is given.",
    ),
};

pub(super) const POPUP_IN_BACKGROUND: Code = Code {
    code: 10005,
    means: both(
        "小程序弹窗：小程序在后台，弹不出来",
        "Popup of a mini program: it is in the background, so nothing can be shown",
    ),
    who: Who::MiniProgram,
    todo: both(
        "只在用户点按钮时申请。",
        "Ask only when the user taps a button.",
    ),
};

pub(super) const POPUP_TOO_MANY: Code = Code {
    code: 20003,
    means: both(
        "小程序弹窗：一次申请的模板太多",
        "Popup of a mini program: too many templates at once",
    ),
    who: Who::MiniProgram,
    todo: both(
        "一次最多三个（新版本五个）。",
        "Ask for three at most (newer versions: five).",
    ),
};

pub(super) const POPUP_SWITCHED_OFF: Code = Code {
    code: 20004,
    means: both(
        "小程序弹窗：用户关掉了订阅消息的总开关",
        "Popup of a mini program: the user has turned the main switch off",
    ),
    who: Who::MiniProgram,
    todo: both(
        "请用户在小程序的设置里打开“订阅消息”。",
        "Have the user turn subscribe messages on in the mini program's settings.",
    ),
};

pub(super) const POPUP_BANNED: Code = Code {
    code: 20005,
    means: both(
        "小程序弹窗：小程序被封禁",
        "Popup of a mini program: the mini program is banned",
    ),
    who: Who::Owners,
    todo: both(
        "看后台的处罚通知，处理后申诉。",
        "Read the notices at mp.weixin.qq.com, mend what they name, then appeal.",
    ),
};

pub(super) const POPUP_DEVICE: Code = Code {
    code: 20013,
    means: both(
        "小程序弹窗：不能用它申请设备消息的模板",
        "Popup of a mini program: it does not take templates of device messages",
    ),
    who: Who::MiniProgram,
    todo: both(
        "改用 `wx.requestSubscribeDeviceMessage`。",
        "Use `wx.requestSubscribeDeviceMessage`.",
    ),
};

pub(super) const DEVICE_RECIPIENTS: Code = Code {
    code: 40032,
    means: both(
        "设备消息的收件人列表不对",
        "The list of recipients of a device message is wrong",
    ),
    who: Who::MiniProgram,
    todo: BY_ANOTHER,
};

pub(super) const CARD_BUSY: Code = Code {
    code: 85431,
    means: both("服务卡片：系统繁忙", "Service card: the system is busy"),
    who: Who::WeChat,
    todo: BY_ANOTHER,
};

pub(super) const CARD_CHECK: Code = Code {
    code: 85433,
    means: both(
        "服务卡片：支付核对信息（check_json）不对",
        "Service card: `check_json` of the payment is wrong",
    ),
    who: Who::MiniProgram,
    todo: BY_ANOTHER,
};

pub(super) const CARD_CODE_UNKNOWN: Code = Code {
    code: 85437,
    means: both(
        "服务卡片：code 还不存在，刚付款时会这样",
        "Service card: the code does not exist yet, as right after a payment",
    ),
    who: Who::MiniProgram,
    todo: BY_ANOTHER,
};

pub(super) const CARD_CODE_EXPIRED: Code = Code {
    code: 85438,
    means: both(
        "服务卡片：code 已过期",
        "Service card: the code has expired",
    ),
    who: Who::MiniProgram,
    todo: BY_ANOTHER,
};

pub(super) const CARD_LOCKED: Code = Code {
    code: 85449,
    means: both(
        "服务卡片：正被锁定，稍后再试",
        "Service card: it is locked, try again later",
    ),
    who: Who::MiniProgram,
    todo: BY_ANOTHER,
};

pub(super) const DEVICE_UNKNOWN: Code = Code {
    code: 9_800_006,
    means: both(
        "设备消息：设备的 sn 和型号对不上订阅",
        "Device message: serial number and model do not match the subscription",
    ),
    who: Who::MiniProgram,
    todo: BY_ANOTHER,
};
