//! What the words mean that labels of params and names of fields are made of, in Chinese and English. A guess needs no more than a small
//! lexicon: a wrong one is seen, and a person mends it.

use std::collections::BTreeSet;

/// What a label or a name speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Concept {
    OrderNumber,
    TrackingNumber,
    Code,
    Amount,
    Goods,
    Course,
    Activity,
    Count,
    Points,
    Time,
    Status,
    Shop,
    Place,
    Phone,
    Carrier,
    Driver,
    Teacher,
    Student,
    Doctor,
    Customer,
    Receiver,
    Note,
    Reason,
    Plate,
    Coupon,
}

/// Which of several times, amounts or states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Aspect {
    Done,
    Started,
    Ended,
    Created,
    Paid,
    Shipped,
    Arrived,
    Booked,
    Refunded,
    Cancelled,
    PickedUp,
}

/// What money is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Fen,
    Yuan,
}

/// What one word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sense {
    Of(Concept),
    In(Aspect),
    By(Unit),
    /// A word that says nothing by itself, such as `name`.
    Filler,
}

/// All that a label or a name says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) concepts: BTreeSet<Concept>,
    pub(super) aspects: BTreeSet<Aspect>,
    pub(super) unit: Option<Unit>,
}

/// What some words say, the Chinese ones, and the English ones as they are written with spaces between them.
type Row = (
    &'static [Sense],
    &'static [&'static str],
    &'static [&'static str],
);

#[rustfmt::skip]
const LEXICON: &[Row] = &[
    (&[Sense::Of(Concept::OrderNumber)],
        &["订单编号", "订单号码", "订单号", "单号", "编号", "流水号", "交易单号", "工单号", "预约号"],
        &["order no", "order id", "order sn", "order number", "order code", "orderno", "orderid", "ordersn", "trade no", "out trade no",
          "serial no", "ticket no", "ticket id", "booking no", "booking id", "no", "sn"]),
    (&[Sense::Of(Concept::TrackingNumber)],
        &["快递单号", "运单号", "运单编号", "物流单号", "快递编号"],
        &["tracking no", "tracking number", "tracking id", "waybill no", "waybill", "express no", "logistics no"]),
    (&[Sense::Of(Concept::Code)],
        &["取件码", "取餐码", "取货码", "提货码", "核销码", "验证码", "取餐号", "券码", "排队号"],
        &["pickup code", "pick up code", "verify code", "take code", "queue no", "code"]),
    (&[Sense::Of(Concept::Amount)],
        &["金额", "价格", "费用", "应付", "总价", "合计", "单价", "余额", "租金", "定金", "押金", "价钱"],
        &["amount", "price", "total", "fee", "money", "cost", "sum", "balance", "deposit"]),
    (&[Sense::Of(Concept::Amount), Sense::In(Aspect::Paid)], &["实付"], &[]),
    (&[Sense::By(Unit::Fen)], &["分"], &["fen", "cent", "cents"]),
    (&[Sense::By(Unit::Yuan)], &["元"], &["yuan", "rmb", "cny"]),
    (&[Sense::Of(Concept::Goods)],
        &["商品", "物品", "产品", "菜品", "服务", "项目", "货品", "宝贝", "品名", "内容"],
        &["goods", "item", "items", "product", "products", "sku", "dish", "dishes", "service"]),
    (&[Sense::Of(Concept::Course)], &["课程", "课名"], &["course", "class", "lesson"]),
    (&[Sense::Of(Concept::Activity)], &["活动", "会议", "主题"], &["activity", "meeting", "topic"]),
    (&[Sense::Of(Concept::Count)],
        &["数量", "件数", "人数", "份数", "个数", "次数"],
        &["count", "quantity", "qty", "num", "number", "seats", "pieces"]),
    (&[Sense::Of(Concept::Points)], &["积分"], &["points", "score", "credits"]),
    (&[Sense::Of(Concept::Time)], &["时间", "日期"], &["time", "at", "date", "datetime", "timestamp", "ts"]),
    (&[Sense::Of(Concept::Status)], &["状态", "结果", "进度"], &["status", "state", "result", "progress"]),
    (&[Sense::Of(Concept::Shop)],
        &["门店", "商家", "店铺", "店名", "商户", "餐厅"],
        &["shop", "store", "merchant", "restaurant", "branch", "seller"]),
    (&[Sense::Of(Concept::Place)],
        &["地点", "地址", "位置", "场地", "教室", "站点", "自提点"],
        &["address", "addr", "location", "place", "station", "room", "venue", "site"]),
    (&[Sense::Of(Concept::Phone)],
        &["电话", "手机号", "手机", "联系方式", "热线"],
        &["phone", "tel", "telephone", "mobile", "hotline", "cellphone"]),
    (&[Sense::Of(Concept::Carrier)],
        &["快递公司", "物流公司", "承运商", "快递"],
        &["carrier", "express company", "express", "logistics company", "courier company", "shipper"]),
    (&[Sense::Of(Concept::Driver)], &["司机", "骑手", "配送员", "快递员", "师傅"], &["driver", "rider", "courier"]),
    (&[Sense::Of(Concept::Teacher)], &["老师", "教师", "讲师", "教练"], &["teacher", "coach", "lecturer", "instructor"]),
    (&[Sense::Of(Concept::Student)], &["学员", "学生"], &["student", "pupil"]),
    (&[Sense::Of(Concept::Doctor)], &["医生"], &["doctor"]),
    (&[Sense::Of(Concept::Customer)],
        &["客户", "顾客", "用户", "会员", "客人", "昵称"],
        &["customer", "client", "user", "member", "guest", "nickname", "nick"]),
    (&[Sense::Of(Concept::Receiver)],
        &["收货人", "收件人", "联系人", "预约人", "领取人"],
        &["receiver", "recipient", "consignee", "contact"]),
    (&[Sense::Of(Concept::Note)],
        &["温馨提示", "提示", "备注", "说明", "留言", "注意事项"],
        &["note", "remark", "remarks", "tip", "tips", "memo", "comment", "hint", "description", "desc"]),
    (&[Sense::Of(Concept::Reason)], &["原因", "理由"], &["reason", "cause"]),
    (&[Sense::Of(Concept::Plate)], &["车牌号码", "车牌号", "车牌"], &["plate", "plate no", "car no", "license plate"]),
    (&[Sense::Of(Concept::Coupon)], &["优惠券", "卡券"], &["coupon", "voucher"]),
    (&[Sense::In(Aspect::Done)], &["完成"], &["completed", "complete", "finished", "finish", "done"]),
    (&[Sense::In(Aspect::Started)], &["开始", "上课", "开课"], &["start", "starts", "started", "starting", "begin", "begins"]),
    (&[Sense::In(Aspect::Ended)],
        &["结束", "截止", "到期", "过期", "有效期", "失效"],
        &["end", "ends", "ended", "expire", "expires", "expired", "due", "deadline"]),
    (&[Sense::In(Aspect::Created)],
        &["下单", "创建", "提交", "申请", "购买"],
        &["created", "create", "ordered", "placed", "submitted", "applied"]),
    (&[Sense::In(Aspect::Paid)], &["支付", "付款", "缴费"], &["paid", "pay", "payment"]),
    (&[Sense::In(Aspect::Shipped)], &["发货", "寄出", "配送"], &["shipped", "ship", "shipment", "sent"]),
    (&[Sense::In(Aspect::Arrived)], &["到达", "送达", "签收", "到货"], &["arrived", "arrive", "delivered", "received"]),
    (&[Sense::In(Aspect::Booked)], &["预约", "预定", "预订"], &["booked", "booking", "appointment", "reserved", "reservation"]),
    (&[Sense::In(Aspect::Refunded)], &["退款"], &["refund", "refunded"]),
    (&[Sense::In(Aspect::Cancelled)], &["取消"], &["cancelled", "canceled", "cancel"]),
    (&[Sense::In(Aspect::PickedUp)], &["取件", "取餐", "自提"], &["pickup", "picked"]),
    (&[Sense::Filler], &["名称", "号码", "订单", "联系"], &["name", "title", "label", "text", "value", "content", "info", "detail", "id", "full", "order"]),
];

/// The longest entry of the lexicon, in English words.
const MOST_WORDS: usize = 3;

impl Meaning {
    /// What a label or a name says; words that the lexicon does not have say nothing.
    pub(super) fn of(text: &str) -> Self {
        let mut found = Self::default();
        for run in runs(text) {
            match run {
                Run::Han(run) => found.add_han(&run),
                Run::Latin(words) => found.add_latin(&words),
            }
        }
        found
    }

    /// Whether it says nothing at all that a param may speak of.
    pub(super) fn is_plain(&self) -> bool {
        self.concepts.is_empty()
    }

    fn add(&mut self, senses: &[Sense]) {
        for sense in senses {
            match sense {
                Sense::Of(concept) => {
                    self.concepts.insert(*concept);
                }
                Sense::In(aspect) => {
                    self.aspects.insert(*aspect);
                }
                Sense::By(unit) => self.unit = Some(*unit),
                Sense::Filler => {}
            }
        }
    }

    /// The longest word first, from left to right: `快递单号` is one word, and says nothing of an order's number.
    fn add_han(&mut self, run: &str) {
        let mut rest = run;
        while !rest.is_empty() {
            let all = LEXICON.iter().flat_map(|(senses, words, _)| {
                let words = words.iter();
                words.map(move |word| (*senses, *word))
            });
            let longest = all
                .filter(|(_, word)| rest.starts_with(word))
                .max_by_key(|(_, word)| word.len());
            let mut characters = rest.chars();
            rest = if let Some((senses, word)) = longest {
                self.add(senses);
                rest.strip_prefix(word).unwrap_or_default()
            } else {
                characters.next();
                characters.as_str()
            };
        }
    }

    fn add_latin(&mut self, words: &[String]) {
        let mut rest = words;
        while !rest.is_empty() {
            let longest = (1..=MOST_WORDS.min(rest.len())).rev().find_map(|length| {
                let said = rest.get(..length)?.join(" ");
                let row = LEXICON
                    .iter()
                    .find(|(_, _, words)| words.contains(&said.as_str()))?;
                Some((row.0, length))
            });
            let length = longest.map_or(1, |(senses, length)| {
                self.add(senses);
                length
            });
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

/// A stretch of a text in one script.
enum Run {
    Han(String),
    Latin(Vec<String>),
}

/// Han characters together; Latin ones by words, also those of `orderNo` and `order-no`.
fn runs(text: &str) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    let mut before = ' ';
    for c in text.chars() {
        if c.is_ascii_alphabetic() {
            let begins = !before.is_ascii_alphabetic()
                || c.is_ascii_uppercase() && before.is_ascii_lowercase();
            let word = c.to_ascii_lowercase();
            match found.last_mut() {
                Some(Run::Latin(words)) => match words.last_mut() {
                    Some(last) if !begins => last.push(word),
                    Some(_) | None => words.push(word.to_string()),
                },
                Some(Run::Han(_)) | None => found.push(Run::Latin(vec![word.to_string()])),
            }
        } else if !c.is_ascii() {
            match found.last_mut() {
                Some(Run::Han(run)) => run.push(c),
                Some(Run::Latin(_)) | None => found.push(Run::Han(c.to_string())),
            }
        }
        before = c;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, concepts: &[Concept], aspects: &[Aspect]) {
        let found = Meaning::of(text);
        assert_eq!(found.concepts, concepts.iter().copied().collect(), "{text}");
        assert_eq!(found.aspects, aspects.iter().copied().collect(), "{text}");
    }

    #[test]
    fn labels_and_names_of_fields_say_the_same() {
        check("订单编号", &[Concept::OrderNumber], &[]);
        check("order_no", &[Concept::OrderNumber], &[]);
        check("orderNo", &[Concept::OrderNumber], &[]);
        check("快递单号", &[Concept::TrackingNumber], &[]);
        check("trackingNumber", &[Concept::TrackingNumber], &[]);
        check("完成时间", &[Concept::Time], &[Aspect::Done]);
        check("finished_at", &[Concept::Time], &[Aspect::Done]);
        check("取件地点", &[Concept::Place], &[Aspect::PickedUp]);
        check("实付金额", &[Concept::Amount], &[Aspect::Paid]);
        check("联系电话", &[Concept::Phone], &[]);
        check("订单金额", &[Concept::Amount], &[]);
        check("name", &[], &[]);
        check("", &[], &[]);
    }

    #[test]
    fn a_name_may_tell_the_unit() {
        assert_eq!(Meaning::of("amount_fen").unit, Some(Unit::Fen));
        assert_eq!(Meaning::of("totalCents").unit, Some(Unit::Fen));
        assert_eq!(Meaning::of("priceYuan").unit, Some(Unit::Yuan));
        assert_eq!(Meaning::of("fence").unit, None);
    }
}
