//! The report as a table in Markdown: a figure a line, a system a column.

use std::fmt::{self, Write as _};

use crate::facts::FACTS;
use crate::report::{Drain, Latency, Measured, Report, Saturation};
use crate::system::System;

type Cell = Box<dyn Fn(&Measured) -> Option<String>>;

struct Line {
    name: String,
    cell: Cell,
}

fn line(name: impl Into<String>, cell: impl Fn(&Measured) -> Option<String> + 'static) -> Line {
    Line {
        name: name.into(),
        cell: Box::new(cell),
    }
}

/// A text takes whatever is written into it.
fn add(text: &mut String, more: fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a text takes it");
}

/// The whole report.
pub(crate) fn table(report: &Report) -> String {
    let known = |system: &System| report.systems.contains_key(system.name());
    let systems: Vec<System> = System::ALL.into_iter().filter(known).collect();
    let of = |system: &System| report.systems.get(system.name());
    let mut text = head(report);
    let names: Vec<&str> = systems.iter().map(|system| system.name()).collect();
    add(
        &mut text,
        format_args!(
            "| | {} |\n|---|{}\n",
            names.join(" | "),
            "---:|".repeat(names.len())
        ),
    );
    for line in lines(report) {
        let cells = systems.iter().map(|system| {
            let measured = of(system)?;
            match &measured.missing {
                Some(_) => Some("–".to_owned()),
                None => (line.cell)(measured),
            }
        });
        let cells: Vec<String> = cells.map(Option::unwrap_or_default).collect();
        if cells.iter().any(|cell| !cell.is_empty() && cell != "–") {
            add(
                &mut text,
                format_args!("| {} | {} |\n", line.name, cells.join(" | ")),
            );
        }
    }
    for fact in FACTS {
        let answers: Vec<&str> = systems.iter().map(|system| fact.answer(*system)).collect();
        add(
            &mut text,
            format_args!("| {} | {} |\n", fact.question, answers.join(" | ")),
        );
    }
    text += &remarks(report, &systems);
    text
}

fn head(report: &Report) -> String {
    let Report {
        machine, commit, ..
    } = report;
    let pinned = if report.is_pinned {
        "the system on processor 0, everything else on processor 1"
    } else {
        "nothing pinned to a processor: latencies and messages/s mix the system with the bench"
    };
    format!(
        "{machine}; {pinned}; load average {} before and {} after; commit {commit}; {:.0} minutes; \
         backlog of {} events; {} calls at once\n\n",
        report.load_before, report.load_after, report.minutes, report.n_backlog, report.in_flight
    )
}

/// Parts that were not measured and checks that failed.
fn remarks(report: &Report, systems: &[System]) -> String {
    let mut text = String::new();
    for system in systems {
        let Some(measured) = report.systems.get(system.name()) else {
            continue;
        };
        if let Some(why) = &measured.missing {
            add(&mut text, format_args!("- {}: {why}\n", system.name()));
        }
        for problem in &measured.problems {
            add(
                &mut text,
                format_args!("- **{}** {problem}\n", system.name()),
            );
        }
    }
    if text.is_empty() {
        "\nEvery check was passed.\n".to_owned()
    } else {
        format!("\nNot measured, or a check that failed:\n\n{text}")
    }
}

fn lines(report: &Report) -> Vec<Line> {
    let cpu_of = |system: System| {
        let measured = report.systems.get(system.name())?;
        measured.saturation.as_ref().map(|it| it.cpu_us)
    };
    let mut lines = saturation_lines("API 0 ms", |it| it.saturation.as_ref());
    for (base, name) in [
        (System::Bare, "the bare loop"),
        (System::WxMemory, "wx-memory"),
    ] {
        let base = cpu_of(base);
        lines.push(line(format!("CPU/message, against {name}"), move |it| {
            let own = it.saturation.as_ref()?.cpu_us;
            Some(format!("{:.2} ×", own / base?))
        }));
    }
    lines.extend(saturation_lines("API 50 ms", |it| it.slow.as_ref()));
    lines.extend(drain_lines());
    lines.extend(latency_lines(report));
    lines.extend(goal_lines());
    lines.extend(trouble_lines());
    lines.push(line("checks that failed", |it| {
        Some(match it.problems.len() {
            0 => "none".to_owned(),
            n => format!("**{n}**"),
        })
    }));
    lines
}

fn saturation_lines(
    api: &str,
    of: impl Fn(&Measured) -> Option<&Saturation> + Copy + 'static,
) -> Vec<Line> {
    let figure = move |name: &str, show: fn(&Saturation) -> Option<String>| {
        line(format!("{api}: {name}"), move |it| show(of(it)?))
    };
    vec![
        figure("messages/s", |it| Some(format!("{:.0}", it.per_second))),
        figure("CPU, µs/message", |it| Some(format!("{:.0}", it.cpu_us))),
        figure("CPU of redis-server, µs/message", |it| {
            it.redis_us.map(|us| format!("{us:.0}"))
        }),
        figure("its processor busy, %", |it| {
            Some(format!("{:.0}", it.busy_percent))
        }),
        figure("(the bench's processor busy, %)", |it| {
            Some(format!("{:.0}", it.bench_busy_percent))
        }),
    ]
}

fn drain_lines() -> Vec<Line> {
    let figure = |name: &str, show: fn(&Drain) -> Option<String>| {
        line(name, move |it| show(it.drain.as_ref()?))
    };
    vec![
        figure("backlog worked off", |it| {
            Some(match it.seconds {
                Some(seconds) => format!("{seconds:.0} s"),
                None => format!("{:.0} % in {} s", it.done_percent, it.limit_seconds),
            })
        }),
        figure("meanwhile resident at ¼, ½, ¾, MiB", |it| {
            let of = it.resident.as_ref()?;
            Some(format!(
                "{:.0}, {:.0}, {:.0}",
                of.quarter, of.half, of.three_quarters
            ))
        }),
        figure("meanwhile resident at most, MiB", |it| {
            let of = it.resident.as_ref()?;
            Some(format!("{:.0}", of.max))
        }),
        figure("left on disk by the store, bytes/message", |it| {
            it.disk_bytes.map(|bytes| format!("{bytes:.0}"))
        }),
    ]
}

fn latency_lines(report: &Report) -> Vec<Line> {
    let loads = report.systems.values().max_by_key(|it| it.latency.len());
    let loads = loads.into_iter().flat_map(|it| &it.latency);
    let mut lines = Vec::new();
    for load in loads {
        let (api, share) = (load.api.clone(), load.share_percent);
        let head = format!("API {api}, {share} % of saturation");
        let mut figure = |name: &str, show: fn(&Latency) -> String| {
            let api = api.clone();
            lines.push(line(format!("{head}: {name}"), move |it| {
                let mut loads = it.latency.iter();
                let load = loads.find(|it| it.api == api && it.share_percent == share)?;
                Some(show(load))
            }));
        };
        figure("messages/s", |it| {
            let behind = if it.kept_up { "" } else { " (not kept up)" };
            format!("{}{behind}", it.per_second)
        });
        figure("added p50, p99, p99.9, max, ms", percentiles);
        figure("CPU, µs/message", |it| format!("{:.0}", it.cpu_us));
        figure("(the bench's processor busy, %)", |it| {
            format!("{:.0}", it.bench_busy_percent)
        });
    }
    lines
}

fn percentiles(it: &Latency) -> String {
    format!(
        "{:.0}, {:.0}, {:.0}, {:.0}",
        it.p50_ms, it.p99_ms, it.p999_ms, it.max_ms
    )
}

fn goal_lines() -> Vec<Line> {
    vec![
        line(
            "5,000/s at 50 ms on all processors: added p50, p99, p99.9, max, ms",
            |it| {
                let goal = it.goal.as_ref()?;
                let behind = if goal.kept_up { "" } else { " (not kept up)" };
                Some(percentiles(goal) + behind)
            },
        ),
        line(
            "5,000/s at 50 ms on all processors: CPU, µs/message",
            |it| Some(format!("{:.0}", it.goal.as_ref()?.cpu_us)),
        ),
    ]
}

fn trouble_lines() -> Vec<Line> {
    vec![
        line(
            "a rule at 400/s alone: added p50, p99, p99.9, max, ms",
            |it| Some(percentiles(&it.fairness.as_ref()?.alone)),
        ),
        line(
            "the same beside an event of 900 KB with each hundredth: added p50, p99, p99.9, max, ms",
            |it| {
                let large = it.fairness.as_ref()?.large.as_ref()?;
                let behind = if large.kept_up { "" } else { " (not kept up)" };
                Some(percentiles(large) + behind)
            },
        ),
        line(
            "the same beside 20,000 events of a rule of 1/s: added p50, p99, p99.9, max, ms",
            |it| {
                let mixed = &it.fairness.as_ref()?.mixed;
                let behind = if mixed.kept_up { "" } else { " (not kept up)" };
                Some(percentiles(mixed) + behind)
            },
        ),
        line("limit of 500/s with 800/s on offer: achieved", |it| {
            Some(format!("{:.1} %", it.limit.as_ref()?.achieved_percent))
        }),
        line("limit of 500/s: the most in any one second", |it| {
            Some(it.limit.as_ref()?.most_in_a_second.to_string())
        }),
        line(
            "after an outage of the API, at 200/s: normal again after",
            |it| {
                let recovery = it.recovery.as_ref()?;
                Some(match recovery.seconds {
                    Some(seconds) => format!("{seconds:.1} s"),
                    None => format!("not within {:.0} s", recovery.watched_seconds),
                })
            },
        ),
        line("outage: given up, without an outcome, sent twice", |it| {
            let it = it.recovery.as_ref()?;
            let counts = (it.n_given_up, it.n_without_outcome, it.n_sent_twice);
            Some(format!("{}, {}, {}", counts.0, counts.1, counts.2))
        }),
        line(
            "API stalled with the backlog behind: resident at ¼, ½, ¾, most, MiB",
            |it| {
                let of = &it.stall.as_ref()?.resident;
                Some(format!(
                    "{:.0}, {:.0}, {:.0}, {:.0}",
                    of.quarter, of.half, of.three_quarters, of.max
                ))
            },
        ),
        line(
            "kill -9 in the backlog: sent twice, committed without an outcome, done after the new start",
            |it| {
                let it = it.crash.as_ref()?;
                Some(format!(
                    "{} of {}, {}, {}",
                    it.sent_twice, it.sends, it.lost, it.resumed
                ))
            },
        ),
    ]
}
