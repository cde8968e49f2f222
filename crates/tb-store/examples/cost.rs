//! throw-away
use std::sync::Arc;
use std::time::Instant;
use tb_core::ports::*;
use tb_core::*;
use tb_store::*;
#[path = "../tests/it/support.rs"]
#[allow(dead_code)]
mod support;
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
fn thread_cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    s.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}
fn main() {
    let dir = tempfile::tempdir_in(".").unwrap();
    for round in 0..3 {
        let store = Arc::new(MemoryStore::new());
        let stub = support::Stubborn::new(store.clone());
        let mut s = JournalSettings::new(dir.path().join(format!("j{round}")), Durability::Process);
        s.max_segments = 64;
        let j = MmapJournal::open(s, stub.clone(), store).unwrap();
        let n = 200_000u64;
        let rows: Vec<_> = (0..n).map(|i| JournalRecord::Ended(support::row(i, 1))).collect();
        let t = Instant::now();
        let c = thread_cpu();
        for r in &rows {
            j.append(r).unwrap();
        }
        println!(
            "append: {:.3} us wall, {:.3} us cpu",
            t.elapsed().as_secs_f64() * 1e6 / n as f64,
            (thread_cpu() - c) * 1e6 / n as f64
        );
        let t = Instant::now();
        let _ = std::mem::forget(j);
        let _ = t;
    }
    let _ = cpu();

    sqlite(dir.path());
}
fn sqlite(d: &std::path::Path) {
    let store = SqliteStore::open(&d.join("t.db"), Durability::Process).unwrap();
    let (n, size) = (400u64, 500u64);
    let now = 1_795_000_000_000u64;
    let batches: Vec<Vec<_>> = (0..n)
        .map(|b| {
            (0..size)
                .map(|i| {
                    let mut r = support::row(now + b * size + i, 1);
                    r.request_id = RequestId::new(
                        r.started_at,
                        u128::from(i) * 0x9E37_79B9_7F4A_7C15_1234_5678u128,
                    );
                    r
                })
                .collect()
        })
        .collect();
    let c = thread_cpu();
    let t = Instant::now();
    for (i, b) in batches.iter().enumerate() {
        store.append(b, i as u64).unwrap();
    }
    let rows = (n * size) as f64;
    println!(
        "sqlite: {:.3} us wall, {:.3} us cpu per row; file {} B/row",
        t.elapsed().as_secs_f64() * 1e6 / rows,
        (thread_cpu() - c) * 1e6 / rows,
        std::fs::metadata(d.join("t.db")).unwrap().len() as f64 / rows
    );
    let t = Instant::now();
    let s = store
        .sum(&UsageQuery { by: vec![GroupBy::Day, GroupBy::User], ..Default::default() })
        .unwrap();
    println!("sum over 200k rows: {:?} {}", t.elapsed(), s.len());
    let t = Instant::now();
    for _ in 0..1000 {
        store.change_counter().unwrap();
    }
    println!("change_counter: {:?}", t.elapsed() / 1000);
    let t = Instant::now();
    drop(SqliteStore::open(&d.join("t2.db"), Durability::Process).unwrap());
    println!("new db {:?}", t.elapsed());
    let t = Instant::now();
    drop(SqliteStore::open(&d.join("t2.db"), Durability::Process).unwrap());
    println!("reopen db {:?}", t.elapsed());
    let t = Instant::now();
    let p = PriceTable::builtin();
    println!("prices {:?} {}", t.elapsed(), p.version());
    let m = std::sync::Arc::new(MemoryStore::new());
    let t = Instant::now();
    let j = MmapJournal::open(
        JournalSettings::new(d.join("jj"), Durability::Process),
        m.clone(),
        m.clone(),
    )
    .unwrap();
    println!("open journal {:?}", t.elapsed());
    drop(j);
}
