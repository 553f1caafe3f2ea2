use serde_json::json;

use super::*;

fn body(axes: &Value) -> Value {
    json!({
        "request": {
            "financialProfile": {"liquidAssets": 1_000, "monthlySpending": 2_000},
            "userInputs": {"monthlyIncome": 3_000},
            "goal": {"targetAmount": 5_000, "timelineMonths": 360},
            "simulationParams": {"seed": 7},
            "plan": {"incomeUntil": 300, "flows": [{"kind": "income", "amount": 5, "from": 3}]},
        },
        "axes": axes,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "axes are written where they are read")]
fn read_body(axes: Value) -> Result<SweepRequest, Vec<String>> {
    let mut faults = Faults::default();
    let sweep = definition::read(&body(&axes), &mut faults);
    let told = |fault: &crate::FieldFault| format!("{} {}", fault.pointer, fault.message);
    faults.none_or(sweep).map_err(|fault| fault.fields.iter().map(told).collect())
}

#[test]
fn the_last_axis_varies_first_and_both_spellings_are_taken() {
    let axes = json!([
        {"pointer": "/plan/income_until", "values": [240, 250.0]},
        {"pointer": "/financialProfile/monthlySpending", "values": [1_500, 1_600.5, 1_700]},
    ]);
    let sweep = read_body(axes).unwrap();
    assert_eq!(sweep.axes[0].pointer, "/plan/incomeUntil");
    let found: Vec<_> = points(&sweep.request, &sweep.axes)
        .iter()
        .map(|point| (point.plan.income_until.unwrap(), point.profile.monthly_spending))
        .collect();
    let expected =
        [(240, 1_500.0), (240, 1_600.5), (240, 1_700.0), (250, 1_500.0), (250, 1_600.5), (250, 1_700.0)];
    assert_eq!(found, expected);
    assert_eq!(values(&sweep.axes)[4], [250.0, 1_600.5]);
    let spec = sweep.into_spec();
    assert_eq!(spec.months(), 7 * 360);
    assert_eq!(spec.to_draft().check(0), Ok(spec));
}

#[test]
fn what_ends_with_the_timeline_moves_along() {
    let axes = json!([{"pointer": "/goal/timelineMonths", "values": [300, 400]}]);
    let sweep = read_body(axes).unwrap();
    let found = points(&sweep.request, &sweep.axes);
    assert_eq!([found[0].plan.income_until, found[1].plan.income_until], [None, Some(300)]);
    assert!(found.iter().all(|point| point.plan.flows[0].until.is_none()));
    assert_eq!(sweep.into_spec().months(), 360 + 300 + 400);
}

#[test]
fn every_fault_of_an_axis_is_named() {
    let faults = |axes: Value| read_body(axes).unwrap_err();
    assert_eq!(
        faults(json!([
            {"pointer": "/goal/timelineMonth", "values": [12]},
            {"pointer": "/simulationParams/seed", "values": [1, 2]},
        ])),
        [
            "/axes/0/values/0 is not a field of Goal; did you mean timelineMonths?",
            "/axes/1/pointer must be the same for all points",
        ]
    );
    assert_eq!(
        faults(json!([
            {"pointer": "/plan/incomeUntil", "values": [12, 400, 12, 1.5]},
            {"pointer": "/plan/prices/mean", "values": [0.1]},
        ])),
        [
            "/axes/0/values/1 must be at most the timeline of 360 months, not 400",
            "/axes/0/values/2 is given twice",
            "/axes/0/values/3 must be a whole number from 0 to 1200, not 1.5",
            "/axes/1/pointer leads nowhere: the request has no /plan/prices",
        ]
    );
    assert_eq!(
        faults(json!([
            {"pointer": "/plan/incomeUntil", "values": [200, 350]},
            {"pointer": "/goal/timelineMonths", "values": [340, 360]},
        ])),
        [
            "/axes/1/values/0 with /plan/incomeUntil = 350: must be at most the timeline of 340 months, not 350"
        ]
    );
    assert_eq!(
        faults(json!([{"pointer": "/financialProfile/loanDebt", "values": [1, 2]}])),
        ["/axes/0/pointer changes nothing that is simulated"]
    );
    assert_eq!(
        faults(json!([{"pointer": "plan/incomeUntil", "values": [200]}])),
        ["/axes/0/pointer must be a JSON pointer, like /plan/incomeUntil"]
    );
    assert_eq!(
        faults(json!([{"pointer": "/financialProfile/liquidAssets", "values": [0, -0.0]}])),
        ["/axes/0/values/1 is given twice"]
    );
    let many: Vec<u32> = (0..33).collect();
    let over = |pointer: &str| json!({"pointer": pointer, "values": many});
    let wide = json!([over("/plan/incomeUntil"), over("/financialProfile/liquidAssets")]);
    assert_eq!(faults(wide), ["/axes have 1089 points together, more than 1024"]);
    assert_eq!(faults(json!([])), ["/axes must have 1 to 2 entries, not 0"]);
}
