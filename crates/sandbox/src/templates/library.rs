//! A small public library, from which apps choose their templates. The titles are made up; the shapes are WeChat's.

use crate::settings::Kind;

/// A service category. WeChat: `getcategory`.
pub(super) struct Category {
    pub(super) id: u32,
    pub(super) name: &'static str,
}

/// A public template. WeChat: `getpubtemplatetitles`.
pub(super) struct Title {
    pub(super) tid: u32,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) category: u32,
    pub(super) keywords: &'static [Keyword],
}

/// One value that a template may have. WeChat: `getpubtemplatekeywords`.
pub(super) struct Keyword {
    pub(super) kid: u32,
    pub(super) name: &'static str,
    pub(super) example: &'static str,
    pub(super) rule: &'static str,
    /// The values of an enum.
    pub(super) allowed: &'static [&'static str],
}

const fn keyword(
    kid: u32,
    name: &'static str,
    example: &'static str,
    rule: &'static str,
) -> Keyword {
    Keyword {
        kid,
        name,
        example,
        rule,
        allowed: &[],
    }
}

const fn choice(
    kid: u32,
    name: &'static str,
    example: &'static str,
    allowed: &'static [&'static str],
) -> Keyword {
    Keyword {
        kid,
        name,
        example,
        rule: "enum_string",
        allowed,
    }
}

/// The categories that every app of the sandbox has.
pub(super) const CATEGORIES: &[Category] = &[
    Category {
        id: 307,
        name: "商家自营",
    },
    Category {
        id: 616,
        name: "公交",
    },
    Category {
        id: 402,
        name: "培训机构",
    },
];

/// Every public template, by tid.
pub(super) const TITLES: &[Title] = &[
    Title {
        tid: 1001,
        name: "订单完成通知",
        kind: Kind::OneTime,
        category: 307,
        keywords: &[
            keyword(1, "订单编号", "202611220001", "character_string"),
            keyword(2, "商品", "拿铁 等2件", "thing"),
            keyword(3, "金额", "￥128.50", "amount"),
            keyword(4, "完成时间", "2026年11月22日 16:30", "time"),
            keyword(5, "状态", "已完成", "phrase"),
            keyword(6, "备注", "欢迎再次光临", "thing"),
        ],
    },
    Title {
        tid: 1002,
        name: "快递到达提醒",
        kind: Kind::OneTime,
        category: 307,
        keywords: &[
            keyword(1, "商品名称", "拿铁", "thing"),
            keyword(2, "取件地点", "3号楼前台", "thing"),
            keyword(3, "取件码", "8-2-1024", "character_string"),
            choice(
                4,
                "快递公司",
                "顺丰速运",
                &["顺丰速运", "中通快递", "圆通速递", "其他快递"],
            ),
            keyword(5, "联系电话", "+86-0766-66888866", "phone_number"),
        ],
    },
    Title {
        tid: 1003,
        name: "排队叫号通知",
        kind: Kind::OneTime,
        category: 307,
        keywords: &[
            keyword(1, "排队号", "A12", "character_string"),
            keyword(2, "前方人数", "3", "number"),
            keyword(3, "门店名称", "中山路店", "thing"),
            keyword(4, "取号时间", "12:05", "time"),
        ],
    },
    Title {
        tid: 2001,
        name: "车辆到站提醒",
        kind: Kind::LongTerm,
        category: 616,
        keywords: &[
            keyword(1, "车牌号", "粤A8Z888挂", "car_number"),
            keyword(2, "站点", "体育中心", "thing"),
            keyword(3, "预计到达", "15:01", "time"),
            choice(4, "状态", "正常", &["正常", "晚点", "取消"]),
        ],
    },
    Title {
        tid: 3001,
        name: "上课提醒",
        kind: Kind::OneTime,
        category: 402,
        keywords: &[
            keyword(1, "课程名称", "水彩入门", "thing"),
            keyword(2, "上课时间", "2026年11月22日 16:30", "date"),
            keyword(3, "老师", "张三", "name"),
            keyword(4, "上课地点", "二楼画室", "thing"),
            keyword(5, "温馨提示", "请自带画笔", "thing"),
        ],
    },
    // A service card: its tid is between 10000001 and 19999999, and it has no keywords.
    Title {
        tid: 10_000_001,
        name: "课程进度",
        kind: Kind::ServiceCard,
        category: 402,
        keywords: &[],
    },
];

/// The public template of this tid.
pub(super) fn title(tid: &str) -> Option<&'static Title> {
    TITLES.iter().find(|title| title.tid.to_string() == tid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values;

    #[test]
    fn the_library_obeys_its_own_rules() {
        for title in TITLES {
            assert!(
                CATEGORIES.iter().any(|it| it.id == title.category),
                "{}",
                title.name
            );
            for (kid, keyword) in (1..).zip(title.keywords) {
                assert_eq!(keyword.kid, kid, "{}", title.name);
                let param = format!("{}{}", keyword.rule, keyword.kid);
                let allowed: Vec<String> =
                    keyword.allowed.iter().map(|it| (*it).to_owned()).collect();
                assert!(
                    values::check(&param, keyword.example, &allowed).is_ok(),
                    "{param}: {}",
                    keyword.example
                );
            }
        }
    }
}
