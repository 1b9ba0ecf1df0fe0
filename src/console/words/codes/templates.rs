//! What the API of templates answers.

use super::{Code, REPORT, Who, both};

pub(super) const SYSTEM_ERROR: Code = Code {
    code: 20001,
    means: both(
        "系统错误；小程序弹窗里是：没有模板数据，或 id 和类型对不上",
        "System error; in the popup of a mini program: no such template, or id and kind do not match",
    ),
    who: Who::WeChat,
    todo: both(
        "模板接口：稍后再试。弹窗：小程序开发核对模板 id 和类型。",
        "API of templates: try later. Popup: the mini program's developers compare id and kind of the template.",
    ),
};

pub(super) const WRONG_PARAMETER: Code = Code {
    code: 20002,
    means: both(
        "参数不对；小程序弹窗里是：一次性和长期模板不能一起申请",
        "Wrong parameter; in the popup of a mini program: one-time and long-term templates are mixed",
    ),
    who: Who::Ops,
    todo: both(
        "模板接口：请反馈，这是 wx-courier 的问题。弹窗：小程序开发把两种模板分开申请。",
        "API of templates: a fault of wx-courier, report it. Popup: the mini program's developers ask for each kind apart.",
    ),
};

pub(super) const SYSTEM_ERROR_OF_TEMPLATES: Code = Code {
    code: 200_001,
    means: both("模板接口系统错误", "System error of the API of templates"),
    who: Who::WeChat,
    todo: both("稍后再试。", "Try later."),
};

pub(super) const WRONG_PARAMETER_OF_TEMPLATES: Code = Code {
    code: 200_002,
    means: both(
        "模板接口的参数不对",
        "Wrong parameter to the API of templates",
    ),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const TEMPLATES_BANNED: Code = Code {
    code: 200_011,
    means: both("账号被封禁，不能管理模板", "The account is banned"),
    who: Who::Owners,
    todo: both(
        "看后台的处罚通知，处理后申诉。",
        "Read the notices at mp.weixin.qq.com, mend what they name, then appeal.",
    ),
};

pub(super) const TOO_MANY_TEMPLATES: Code = Code {
    code: 200_012,
    means: both("账号下的模板太多", "The account has too many templates"),
    who: Who::Owners,
    todo: both(
        "在后台删掉不用的模板。",
        "Delete templates at mp.weixin.qq.com that nothing uses.",
    ),
};

pub(super) const LIBRARY_TEMPLATE_BANNED: Code = Code {
    code: 200_013,
    means: both(
        "这个模板被封禁，不能添加",
        "This template is banned and cannot be added",
    ),
    who: Who::Owners,
    todo: both("换一个模板。", "Choose another template."),
};

pub(super) const WRONG_TID: Code = Code {
    code: 200_014,
    means: both("模板标题 id（tid）不对", "The template's `tid` is wrong"),
    who: Who::Owners,
    todo: both(
        "在后台的公共模板库里核对。",
        "Compare it with the template library at mp.weixin.qq.com.",
    ),
};

pub(super) const WRONG_START: Code = Code {
    code: 200_016,
    means: both(
        "模板接口的 start 不对",
        "Wrong `start` to the API of templates",
    ),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const WRONG_LIMIT: Code = Code {
    code: 200_017,
    means: both(
        "模板接口的 limit 不对",
        "Wrong `limit` to the API of templates",
    ),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const NO_CATEGORIES: Code = Code {
    code: 200_018,
    means: both(
        "模板接口没有给类目",
        "No categories to the API of templates",
    ),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const WRONG_CATEGORIES: Code = Code {
    code: 200_019,
    means: both(
        "模板接口的类目不对",
        "Wrong categories to the API of templates",
    ),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const WRONG_KEYWORDS: Code = Code {
    code: 200_020,
    means: both(
        "模板的关键词（kidList）不对",
        "The template's keywords (`kidList`) are wrong",
    ),
    who: Who::Owners,
    todo: both(
        "在后台选 2 到 5 个关键词。",
        "Choose two to five keywords at mp.weixin.qq.com.",
    ),
};

pub(super) const WRONG_SCENE: Code = Code {
    code: 200_021,
    means: both(
        "模板的场景说明不对",
        "The description of the template's use is wrong",
    ),
    who: Who::Owners,
    todo: both(
        "在后台改成不超过 15 个字的说明。",
        "Write one of at most 15 characters at mp.weixin.qq.com.",
    ),
};

pub(super) const SAME_TEMPLATE: Code = Code {
    code: 200_022,
    means: both(
        "已经有标题和关键词一样的模板",
        "A template with the same title and keywords exists",
    ),
    who: Who::Owners,
    todo: both(
        "直接用那个模板，或换关键词。",
        "Use that one, or choose other keywords.",
    ),
};

pub(super) const WRONG_ACCOUNT_TYPE: Code = Code {
    code: 200_100,
    means: both(
        "账号类型不对：要用小程序的账号",
        "The account is of a wrong type: it must be a mini program",
    ),
    who: Who::Owners,
    todo: both(
        "换成小程序的 appid 和 AppSecret。",
        "Give appid and AppSecret of a mini program.",
    ),
};
