//! Scenes: every one of them ends in care.

mod support;

use serde_json::{Value, json};
use support::{Couple, at};

on_both_databases! {
    async fn r01_every_ended_scene_gives_check_ins_to_both(app) {
        let couple = app.couple().await;
        couple.agree(&app, Couple::usual_terms(), None).await;
        let scene = couple.scene(&app).await;
        for person in [&couple.alex, &couple.sam] {
            let check_ins = couple.check_ins(&app, person, &scene).await;
            let offsets: Vec<_> = check_ins.iter().map(|c| c["offsetMinutes"].as_i64().unwrap()).collect();
            assert_eq!(offsets, [60, 1440, 2880]);
            assert!(check_ins.iter().all(|c| c["state"] == "UNANSWERED"));
        }
        let due: Value = couple.check_ins(&app, &couple.sam, &scene).await[0]["dueAt"].clone();
        assert_eq!(due, json!("2026-10-24T19:00:00Z"));
        app.pass_until(at("2026-10-24T19:00:00Z")).await;
        assert_eq!(couple.alex.pushes(&app).len(), 2, "asked, and reminded to reach out");
        assert_eq!(couple.sam.pushes(&app).len(), 2);
    }
}
