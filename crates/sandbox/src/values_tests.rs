//! The table of param types, line by line: what each takes, and what each refuses.

use super::*;

fn takes(param: &str, values: &[&str]) {
    for value in values {
        assert_eq!(
            check(param, value, &[]),
            Ok(()),
            "{param} must take {value:?}"
        );
    }
}

fn refuses(param: &str, values: &[&str]) {
    for value in values {
        assert_eq!(
            check(param, value, &[]),
            Err(Fault::Invalid),
            "{param} must refuse {value:?}"
        );
    }
}

#[test]
fn nothing_may_be_blank_or_hold_control_characters() {
    for param in [
        "thing1",
        "phrase2",
        "amount3",
        "const4",
        "site01",
        "short_thing12",
    ] {
        assert_eq!(check(param, "", &[]), Err(Fault::Empty));
        assert_eq!(check(param, " \u{3000}", &[]), Err(Fault::Empty));
        refuses(
            param,
            &["a\nb", "a\tb", "a\u{0}b", "a\u{2028}b", "a\u{FFFD}b"],
        );
    }
}

#[test]
fn thing() {
    takes(
        "thing1",
        &[
            "拿铁",
            "拿铁 2杯, a-b!",
            &"字".repeat(20),
            &"a".repeat(20),
            &"😀".repeat(10),
        ],
    );
    refuses(
        "thing1",
        &[&"字".repeat(21), &"a".repeat(21), &"😀".repeat(11)],
    );
}

#[test]
fn number() {
    takes("number1", &["0", "12.5", "-5", &"9".repeat(32)]);
    refuses(
        "number1",
        &[
            &"9".repeat(33),
            "--1",
            "-",
            "1,000",
            "1.",
            ".5",
            "1.2.3",
            "１２",
            "12a",
            "1 2",
        ],
    );
}

#[test]
fn letter_and_symbol() {
    takes("letter1", &["abcXYZ", &"a".repeat(32)]);
    refuses("letter1", &[&"a".repeat(33), "a1", "a b", "é", "字"]);
    takes("symbol1", &["!", "+-*/%", "￥", "，。！"]);
    refuses("symbol1", &["!!!!!!", "a", "1", "字", "! !"]);
}

#[test]
fn character_string() {
    takes(
        "character_string10",
        &["SO2026-0001#a", "a b", &"x".repeat(32)],
    );
    refuses(
        "character_string10",
        &[&"x".repeat(33), "订单1", "SO1号", "é"],
    );
}

#[test]
fn time() {
    takes(
        "time1",
        &[
            "15:01",
            "15:01:30",
            "2019年10月1日 15:01",
            "00:00",
            "23:59:59",
            "2026-11-22 16:30",
            "5:01",
            "24:00",
            "2019年10月1日",
            "2019年10月1日15:01",
        ],
    );
    takes(
        "time1",
        &[
            "15:01~16:00",
            "2019年10月1日 15:01~2019年10月2日 15:01",
            "2019年10月1日 15:01~16:00",
            "2026年8月15日~2027年4月30日",
        ],
    );
    refuses(
        "time1",
        &[
            "24:01",
            "2026年8月15日～2027年4月30日",
            "15:60",
            "15:01:60",
            "3pm",
            "15:1",
            "15:01～16:00",
            "15:01~",
            "15:01 ",
        ],
    );
    refuses(
        "time1",
        &[
            "2019年13月1日 15:01",
            "15:01~16:00~17:00",
            "2019-10-01T15:01:00Z",
        ],
    );
}

#[test]
fn date() {
    takes(
        "date2",
        &[
            "2019年10月1日",
            "2019年10月1日 15:01",
            "2019年10月",
            "10月1日",
            "2024年2月29日",
        ],
    );
    takes(
        "date2",
        &[
            "2018-01-01",
            "2018/01/01",
            "2018.01.01",
            "2018-01",
            "01-01",
            "2018-01-01 15:01:30",
        ],
    );
    takes(
        "date2",
        &[
            "2019年10月1日~2019年10月7日",
            "2018-01-01 08:00~2018-01-02 09:00",
        ],
    );
    refuses(
        "date2",
        &[
            "2019年10月32日",
            "2023年2月29日",
            "2018-13-01",
            "2018-01/01",
            "20180101",
            "明天",
            "15:01",
        ],
    );
    refuses(
        "date2",
        &[
            "2019年10月1日～2019年10月7日",
            "18年10月1日",
            "2019年10月1日 25:00",
            "2018-01-01T08:00",
        ],
    );
}

#[test]
fn amount() {
    takes(
        "amount3",
        &[
            "￥100",
            "¥128.50",
            "100元",
            "$9.9",
            "￥12.00元",
            "1234567890",
            "฿100",
        ],
    );
    refuses(
        "amount3",
        &[
            "12345678901",
            "￥￥1",
            "1,000",
            "100万元",
            "-1",
            "￥",
            "元",
            "1.2.3",
            "100 元",
            "12.345678901",
        ],
    );
}

#[test]
fn phone_and_car_number() {
    takes(
        "phone_number1",
        &[
            "+86-0766-66888866",
            "13800138000",
            "(020) 8888",
            "（020）8888",
        ],
    );
    refuses("phone_number1", &["+86-0766-668888667", "电话1", "138a"]);
    takes("car_number1", &["粤A8Z888挂", "粤A12345", "A12345"]);
    refuses("car_number1", &["粤A8Z8888挂", "粤A粤8888", "粤A-8888"]);
}

#[test]
fn name_and_phrase() {
    takes(
        "name1",
        &[
            "张三",
            "John Smith",
            &"a".repeat(20),
            &"字".repeat(10),
            "阿凡提·a",
        ],
    );
    refuses(
        "name1",
        &[&"a".repeat(21), &"字".repeat(11), "张aaaaaaaaaa", "张3"],
    );
    takes("phrase5", &["配送中", "已完成啦啦"]);
    refuses(
        "phrase5",
        &["配送中配送中", "ok", "配送1", "配送!", "配送 中"],
    );
}

#[test]
fn enums_and_unknown_types() {
    let allowed = ["待发货".to_owned(), "已发货".to_owned()];
    assert_eq!(check("enum_string6", "已发货", &allowed), Ok(()));
    assert_eq!(
        check("enum_string6", "已收货", &allowed),
        Err(Fault::Invalid)
    );
    assert_eq!(check("enum6", "已收货", &[]), Ok(()));
    takes("const1", &["anything 任何"]);
    for unlisted in ["site01", "short_thing12", "first"] {
        takes(unlisted, &["anything 任何", &"字".repeat(60)]);
    }
}
