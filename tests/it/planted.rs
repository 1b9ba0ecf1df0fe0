//! Twenty and more small mistakes in a rule that is otherwise right, against a catalog that the real `templates pull` wrote: `check` finds
//! each, at its line, and names the param.

use wx_courier_sandbox::{Kind, Template};

use crate::support::folder::replace_in;
use crate::templates::{Account, template};

const EVERYTHING: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const OTHER: &str = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB";

/// A rule without a mistake, with a param of every type.
const RULE: &str = r#"on       = "order.paid"
app      = "shop"
template = "template_1"
to       = "{{ data.openid }}"
page     = "pages/order"

[params]
thing1            = "{{ data.item }}"
thing2            = "请按时取件"
phrase3           = "已完成"
character_string4 = "{{ data.order_no }}"
amount5           = "￥12.50"
date6             = "2026年11月22日"
time7             = "15:01~16:30"
enum_string8      = "顺丰速运"
enum_string9      = "{{ data.state | lookup('states') }}"
letter10          = "VIP"
car_number11      = "粤A8Z888"
name12            = "{{ data.name }}"
phone_number13    = "400-820-8820"
symbol14          = "***"
number15          = "{{ data.count }}"
enum_string16     = "{{ '待发货' if data.count > 1 else '已发货' }}"

[tables.states]
paid    = "已付款"
shipped = "已发货"

[[tests]]
event  = { type = "order.paid", data = { openid = "o1", item = "拿铁", order_no = "SO1", state = "paid", name = "张三", count = 2 } }
expect = { thing1 = "拿铁", enum_string9 = "已付款" }
[[tests]]
event = { type = "order.paid", data = { openid = "o1", item = "拿铁", order_no = "SO1", state = "shipped", name = "张三", count = 1 } }
"#;

/// What one line of the rule becomes, the line at which `check` is to find it, and what it is to say. The line is given by a part of the
/// changed file.
struct Planted {
    mistake: &'static str,
    right: &'static str,
    wrong: &'static str,
    at: &'static str,
    says: &'static [&'static str],
}

const fn planted(
    mistake: &'static str,
    right: &'static str,
    wrong: &'static str,
    at: &'static str,
    says: &'static [&'static str],
) -> Planted {
    Planted {
        mistake,
        right,
        wrong,
        at,
        says,
    }
}

const PLANTED: &[Planted] = &[
    planted(
        "a param is missing",
        "phrase3           = \"已完成\"\n",
        "",
        "[params]",
        &["`phrase3` (状态) is missing"],
    ),
    planted(
        "a param too many",
        "[tables",
        "thing99 = \"x\"\n[tables",
        "thing99",
        &["params.thing99: the template has no param `thing99`"],
    ),
    planted(
        "a misspelt param",
        "phone_number13 ",
        "phone_nunber13 ",
        "phone_nunber13",
        &["phone_nunber13", "did you mean `phone_number13`?"],
    ),
    planted(
        "too long for a thing",
        "请按时取件",
        "请在今天下午六点之前带上您的取件码到门店取件",
        "thing2",
        &["params.thing2", "at most 20 characters fit, found 22"],
    ),
    planted(
        "a digit in a phrase",
        "已完成",
        "已完成1",
        "phrase3",
        &["params.phrase3", "only Han characters, found `1`"],
    ),
    planted(
        "too long for a phrase",
        "已完成",
        "已经全部完成",
        "phrase3",
        &["params.phrase3", "at most 5 characters fit, found 6"],
    ),
    planted(
        "Han in a character_string",
        "\"{{ data.order_no }}\"",
        "\"单号SO1\"",
        "character_string4",
        &["params.character_string4", "no Han characters, found `单`"],
    ),
    planted(
        "a thousands separator",
        "￥12.50",
        "￥1,200",
        "amount5",
        &["params.amount5", "found `,`"],
    ),
    planted(
        "two decimal points",
        "￥12.50",
        "￥12.50.1",
        "amount5",
        &["params.amount5", "one currency symbol"],
    ),
    planted(
        "a date that is none",
        "2026年11月22日",
        "2026年13月22日",
        "date6",
        &["params.date6"],
    ),
    planted(
        "a full-width tilde",
        "15:01~16:30",
        "15:01～16:30",
        "time7",
        &["params.time7"],
    ),
    planted(
        "a value that the enum has not",
        "顺丰速运",
        "顺丰快递",
        "enum_string8",
        &[
            "params.enum_string8",
            "\"顺丰快递\" is not one of the template's values",
            "known here: 顺丰速运, 中通快递",
        ],
    ),
    planted(
        "a table's value that the enum has not",
        "shipped = \"已发货\"",
        "shipped = \"发货了\"",
        "shipped = \"发货了\"",
        &[
            "enum_string9",
            "\"发货了\" is not one of the template's values",
        ],
    ),
    planted(
        "a choice that the enum has not",
        "'待发货' if",
        "'等发货' if",
        "enum_string16",
        &[
            "enum_string16",
            "\"等发货\" is not one of the template's values",
        ],
    ),
    planted(
        "a digit in a letter",
        "\"VIP\"",
        "\"VIP1\"",
        "letter10",
        &["params.letter10", "found `1`"],
    ),
    planted(
        "a plate that is too long",
        "粤A8Z888",
        "粤A8Z88888",
        "car_number11",
        &["params.car_number11", "at most 8 characters fit, found 9"],
    ),
    planted(
        "a name that is too long",
        "\"{{ data.name }}\"",
        "\"一二三四五六七八九十一\"",
        "name12",
        &["params.name12", "at most 10 characters fit, found 11"],
    ),
    planted(
        "Han in a phone number",
        "400-820-8820",
        "请致电客服",
        "phone_number13",
        &[
            "params.phone_number13",
            "only digits and symbols, found `请`",
        ],
    ),
    planted(
        "letters in a symbol",
        "\"***\"",
        "\"*a*\"",
        "symbol14",
        &["params.symbol14", "only symbols, found `a`"],
    ),
    planted(
        "letters in a number",
        "\"{{ data.count }}\"",
        "\"2x\"",
        "number15",
        &["params.number15", "found `x`"],
    ),
    planted(
        "an empty literal",
        "请按时取件",
        " ",
        "thing2",
        &["params.thing2", "the value is empty"],
    ),
    planted(
        "an unknown template",
        "\"template_1\"",
        "\"template_3\"",
        "template ",
        &[
            "no template \"template_3\" for the app \"shop\"",
            "did you mean \"template_1\"?",
        ],
    ),
    planted(
        "a template of another kind",
        "\"template_1\"",
        "\"template_2\"",
        "phrase3",
        &["the template has no param `phrase3`"],
    ),
    planted(
        "a template of another app",
        "\"template_1\"",
        "\"far\"",
        "template ",
        &[
            "no template \"far\" for the app \"shop\"",
            "the app \"club\" has one",
        ],
    ),
    planted(
        "an unknown app",
        "\"shop\"",
        "\"shp\"",
        "app ",
        &["there is no app \"shp\"", "did you mean \"shop\"?"],
    ),
    planted(
        "an unknown filter",
        "data.item }}",
        "data.item | fitt }}",
        "thing1",
        &[
            "params.thing1",
            "the filter `fitt` is not known",
            "did you mean `fit`?",
        ],
    ),
    planted(
        "an unknown table",
        "lookup('states')",
        "lookup('status')",
        "enum_string9",
        &["params.enum_string9", "status"],
    ),
    planted(
        "a misspelt field",
        "data.order_no }}",
        "data.oder_no }}",
        "[[tests]]",
        &["tests[0]", "character_string4"],
    ),
    planted(
        "a value that does not fit in a test",
        "name = \"张三\", count = 2",
        "name = \"张三李四王五赵六钱七孙\", count = 2",
        "[[tests]]",
        &["tests[0]", "name12: at most 10 characters fit, found 11"],
    ),
    planted(
        "a test that expects something else",
        "thing1 = \"拿铁\"",
        "thing1 = \"美式\"",
        "[[tests]]",
        &["tests[0]", "thing1: expected \"美式\", found \"拿铁\""],
    ),
    planted(
        "a test of a param that is not there",
        "expect = { thing1",
        "expect = { thing3",
        "thing3",
        &["tests[0].expect.thing3", "did you mean `thing1`?"],
    ),
    planted(
        "a page that WeChat cannot open",
        "pages/order",
        "https://shop.example/order",
        "page ",
        &["page", "found a web address"],
    ),
];

fn everything() -> Template {
    let labels = [
        ("thing1", "商品"),
        ("thing2", "提示"),
        ("phrase3", "状态"),
        ("character_string4", "单号"),
        ("amount5", "金额"),
        ("date6", "日期"),
        ("time7", "时段"),
        ("enum_string8", "快递"),
        ("enum_string9", "进度"),
        ("letter10", "等级"),
        ("car_number11", "车牌"),
        ("name12", "姓名"),
        ("phone_number13", "电话"),
        ("symbol14", "标记"),
        ("number15", "件数"),
        ("enum_string16", "发货"),
    ];
    let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    Template {
        enums: [
            ("enum_string8".to_owned(), values(&["顺丰速运", "中通快递"])),
            ("enum_string9".to_owned(), values(&["已付款", "已发货"])),
            ("enum_string16".to_owned(), values(&["待发货", "已发货"])),
        ]
        .into(),
        ..template("下单通知", Kind::OneTime, &labels)
    }
}

#[test]
fn check_finds_each_planted_mistake_at_its_line() {
    let other = template("提醒", Kind::LongTerm, &[("thing1", "商品")]);
    let account = Account::with([(EVERYTHING, everything()), (OTHER, other)]);
    let settings = account.read("courier.toml");
    account.write(
        "courier.toml",
        &format!("{settings}[apps.club]\nappid = \"wx0123456789abcde2\"\nsecret = \"s\"\n"),
    );
    assert_eq!(
        account
            .run(&["templates", "pull", "--app", "shop", "--yes"])
            .code,
        Some(0)
    );
    let catalog = account.read("templates.toml");
    account.write(
        "templates.toml",
        &format!("{catalog}\n[club.far]\nid = \"C\"\n"),
    );
    account.write("rules/paid.toml", RULE);
    let clean = account.run(&["check"]);
    assert_eq!(clean.code, Some(0), "{}", clean.out);
    clean.must_have(&["2 of 2 tests passed", "ok: 0 errors, 0 warnings"]);

    let mut missed = Vec::new();
    for planted in PLANTED {
        account.write("rules/paid.toml", RULE);
        let file = account.path("rules/paid.toml");
        replace_in(&file, planted.right, planted.wrong);
        let text = account.read("rules/paid.toml");
        let line = text
            .lines()
            .position(|line| line.contains(planted.at))
            .unwrap()
            + 1;
        let said = account.run(&["check"]);
        let place = format!("{}:{line}: error: rule paid: ", file.display());
        // A problem is what stands between its place and the next one's.
        let mut told = said.out.match_indices(&place).map(|(at, _)| {
            let (_, from) = said.out.split_at(at);
            let end = from.find("\n/").unwrap_or(from.len());
            from.split_at(end).0
        });
        let is_found = told.any(|problem| planted.says.iter().all(|says| problem.contains(says)));
        if said.code != Some(1) || !is_found {
            missed.push(format!(
                "{}, wanted {place}{:?}:\n{}",
                planted.mistake, planted.says, said.out
            ));
        }
    }
    assert!(PLANTED.len() >= 20);
    assert!(
        missed.is_empty(),
        "{} missed:\n{}",
        missed.len(),
        missed.join("\n")
    );
}
