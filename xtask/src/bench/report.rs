//! The table, and what it says about the goals.

use std::time::Duration;

use super::memory::Bulk;
use super::signing::Signing;
use super::startup::Startup;
use super::{Measured, findings};

/// The places of the targets.
pub const POOLED: usize = 0;
pub const NEW: usize = 1;
pub const SECRET_REUSED: usize = 2;
pub const CERTIFICATE_REUSED: usize = 3;
pub const SECRET_FRESH: usize = 4;
pub const CERTIFICATE_FRESH: usize = 5;

/// All that was measured.
pub struct Report {
    pub targets: Vec<[&'static str; 3]>,
    /// Of the component, in bytes.
    pub size: u64,
    pub compiling: Duration,
    pub loads: Vec<Measured>,
    pub bulk: Vec<Bulk>,
    pub startup: Startup,
    pub signing: Signing,
}

impl Report {
    /// Prints the table, and below it what it says.
    pub fn print(&self) {
        for line in lines(&self.table()) {
            println!("{line}");
        }
        println!();
        for sentence in findings::sentences(self) {
            println!("{sentence}");
        }
    }

    fn table(&self) -> Vec<Vec<String>> {
        let mut rows: Vec<_> = (0..3).map(|line| self.header(line)).collect();
        rows.push(Vec::new());
        for measured in &self.loads {
            rows.extend(load_rows(measured));
            rows.push(Vec::new());
        }
        for bulk in &self.bulk {
            rows.push(self.row(
                &bulk.name,
                "MB/s",
                &[
                    (POOLED, format!("{:.0}", megabytes(bulk.native))),
                    (CERTIFICATE_FRESH, format!("{:.0}", megabytes(bulk.gateway))),
                ],
            ));
            rows.push(self.row(
                "",
                "peak linear memory, MiB",
                &[(CERTIFICATE_FRESH, format!("{:.1}", mebibytes(bulk.peak_memory)))],
            ));
        }
        rows.push(Vec::new());
        let startup = &self.startup;
        rows.push(self.row(
            "start to first answer",
            "p50, ms",
            &[(CERTIFICATE_FRESH, millis(startup.server))],
        ));
        rows.push(self.row(
            "GET /healthz",
            "p50, ms",
            &[
                (CERTIFICATE_REUSED, millis(startup.reused)),
                (CERTIFICATE_FRESH, millis(startup.instance)),
            ],
        ));
        rows.push(self.row(
            "RSA-2048 PS256",
            "p50, ms",
            &[
                (POOLED, millis(self.signing.native)),
                (CERTIFICATE_FRESH, millis(self.signing.component)),
            ],
        ));
        rows.push(self.row(
            "component",
            "kB",
            &[(CERTIFICATE_FRESH, self.size.div_ceil(1000).to_string())],
        ));
        let compiling = format!("{:.1}", self.compiling.as_secs_f64());
        rows.push(self.row("compiling it", "s", &[(CERTIFICATE_FRESH, compiling)]));
        rows
    }

    fn header(&self, line: usize) -> Vec<String> {
        let mut row = vec![String::new(), String::new()];
        row.extend(self.targets.iter().map(|target| target[line].to_owned()));
        row
    }

    /// A row with a few cells.
    fn row(&self, name: &str, unit: &str, cells: &[(usize, String)]) -> Vec<String> {
        let mut row = vec![name.to_owned(), unit.to_owned()];
        row.extend((0..self.targets.len()).map(|column| {
            let cell = cells.iter().find(|(at, _)| *at == column);
            cell.map_or_else(|| "-".to_owned(), |(_, text)| text.clone())
        }));
        row
    }
}

fn load_rows(measured: &Measured) -> [Vec<String>; 4] {
    let limit = measured.p50(POOLED);
    let name = measured.name();
    let row = |name: &str, unit: &str, cell: &dyn Fn(usize) -> String| {
        let mut row = vec![name.to_owned(), unit.to_owned()];
        row.extend((0..measured.samples.len()).map(cell));
        row
    };
    [
        row(&name, "p50, ms", &|target| millis(measured.p50(target))),
        row("", "p50 / native", &|target| {
            format!("{:.2}", measured.p50(target).as_secs_f64() / limit.as_secs_f64())
        }),
        row("", "p99, ms", &|target| millis(measured.samples[target].percentile(99))),
        row("", "requests/s", &|target| {
            format!("{:.0}", measured.samples[target].rate())
        }),
    ]
}

/// The rows with their cells under each other: two columns of text, and numbers.
fn lines(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<_> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(String::len)
                .max()
                .unwrap_or_default()
        })
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 | 1 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// So many milliseconds.
pub fn millis(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}

/// So many megabytes in a second, of 1 GiB.
pub fn megabytes(time: Duration) -> f64 {
    f64::from(1 << 30) / 1e6 / time.as_secs_f64()
}

/// So many MiB.
pub fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
