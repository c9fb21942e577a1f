//! What verdicts say of themselves.

use super::{Settings, cnp, read, v1, verdict};
use crate::policy::evaluate::trace::{Step, Trace};
use crate::policy::{Flow, Judge, Missed, Protocol, Side, Verdict, Why, ends};

fn asked(documents: &[String], from: &str, to: &str, port: &str) -> Verdict {
    let verdict = verdict(&read(documents), Settings::default(), from, to, port);
    // What others store and send says the same again.
    let text = serde_json::to_string(&verdict).unwrap();
    assert_eq!(
        serde_json::from_str::<Verdict>(&text).unwrap(),
        verdict,
        "{text}"
    );
    verdict
}

fn missed(side: &Side) -> (usize, Vec<Missed>) {
    let nearest = side.nearest.as_ref().unwrap();
    (nearest.rule.index, nearest.missed.clone())
}

const RULES: &str = "podSelector: {matchLabels: {app: db}}, ingress: [\
    {from: [{podSelector: {matchLabels: {app: other}}}]}, \
    {from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}, \
    {from: [{podSelector: {matchLabels: {app: web}}}], ports: [{protocol: UDP, port: 53}]}]";

#[test]
fn the_rule_that_lets_pass_is_named() {
    let verdict = asked(&[v1("db", RULES)], "shop/web", "shop/db", "TCP/5432");
    let said = "ingress allowed: NetworkPolicy shop/db rule 1, NetworkPolicy tier, says Accept";
    assert_eq!(verdict.ingress.to_string(), said);
    assert_eq!(verdict.egress.why, Why::Default);
    assert_eq!(verdict.ingress.nearest, None);
}

#[test]
fn isolation_names_the_policies_and_the_nearest_rule() {
    let policies = [v1("db", RULES), v1("all", "podSelector: {}")];
    let verdict = asked(&policies, "shop/web", "shop/db", "TCP/5433");
    let said = "ingress denied: isolated by NetworkPolicy shop/all, NetworkPolicy shop/db, and no rule matched";
    assert_eq!(verdict.deciding().to_string(), said);
    assert_eq!(missed(&verdict.ingress), (1, vec![Missed::Port]));
    let accepts = "TCP/5432 from workloads with app=web in namespace shop";
    assert_eq!(verdict.ingress.nearest.as_ref().unwrap().accepts, accepts);
    let verdict = asked(&policies, "shop/web", "shop/db", "SCTP/53");
    assert_eq!(missed(&verdict.ingress), (1, vec![Missed::Protocol]));
    let verdict = asked(&policies, "shop/web", "shop/db", "UDP/54");
    assert_eq!(missed(&verdict.ingress), (2, vec![Missed::Port]));
    let verdict = asked(&policies, "rag/api", "shop/db", "TCP/5432");
    assert_eq!(missed(&verdict.ingress), (0, vec![Missed::Peer]));
    // Without any rule there is none that is near.
    assert_eq!(
        asked(&policies[1..], "rag/api", "shop/db", "TCP/1")
            .ingress
            .nearest,
        None
    );
}

#[test]
fn denial_by_a_rule_names_what_it_is_asked_before() {
    let rules = "subject: {namespaces: {}}, ingress: [\
        {action: Accept, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 443}}}]}, \
        {name: no web, action: Deny, from: [{namespaces: {}}]}, \
        {action: Accept, from: [{namespaces: {matchLabels: {team: shop}}}]}]";
    let policies = [cnp("wall", "Admin", 7, rules)];
    let verdict = asked(&policies, "shop/web", "shop/db", "SCTP/80");
    let said = "ingress denied: ClusterNetworkPolicy wall rule 1 (\"no web\"), Admin tier priority 7, says Deny";
    assert_eq!(verdict.ingress.to_string(), said);
    assert_eq!(missed(&verdict.ingress), (2, vec![Missed::Order]));
    let verdict = asked(&policies, "rag/api", "shop/db", "TCP/80");
    assert_eq!(missed(&verdict.ingress), (0, vec![Missed::Port]));
}

#[test]
fn failing_closed_is_said() {
    let rules = "subject: {namespaces: {}}, ingress: [{action: Pass, from: [{services: {}}]}]";
    let verdict = asked(
        &[cnp("new", "Admin", 7, rules)],
        "shop/web",
        "shop/db",
        "TCP/80",
    );
    assert!(
        verdict
            .ingress
            .to_string()
            .contains("says Deny; it has something this version does not know")
    );
}

#[test]
fn ends_without_policies_are_said() {
    let policies = [v1(
        "deny",
        "podSelector: {}, policyTypes: [Ingress, Egress]",
    )];
    let why = |from, to| {
        let verdict = asked(&policies, from, to, "TCP/80");
        (verdict.egress.why, verdict.ingress.why)
    };
    assert_eq!(why("shop/db", "shop/db"), (Why::Itself, Why::Itself));
    assert_eq!(
        why("node/n1", "shop/db"),
        (Why::NotGoverned, Why::NodeLocal)
    );
    assert_eq!(
        why("192.0.2.1", "192.0.2.2"),
        (Why::NotGoverned, Why::NotGoverned)
    );
    assert_eq!(
        why("rag/api", "shop/agent"),
        (Why::Default, Why::NotGoverned)
    );
}

#[test]
fn steps_lead_to_the_verdict() {
    let policies = [
        v1("db", RULES),
        cnp(
            "wall",
            "Admin",
            7,
            "subject: {namespaces: {matchLabels: {team: rag}}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]",
        ),
    ];
    let files = read(&policies);
    let (from, to) = ends(&files.world, "shop/web", "shop/db").unwrap();
    let flow = Flow {
        from,
        to,
        protocol: Protocol::Udp,
        port: 53,
    };
    let answers = files.world.host_answers();
    let mut trace = Trace::on();
    let judge = Judge::new(&files.policies, &files.world, &answers, Settings::default());
    let verdict = judge.walk(&flow, &mut trace);
    assert_eq!(verdict, judge.judge(&flow));
    let steps = trace.steps();
    let tiers = steps
        .iter()
        .filter(|step| matches!(step, Step::Tier { .. }))
        .count();
    // All three for egress; ingress is decided in the second.
    assert_eq!(tiers, 5, "{steps:#?}");
    let rules: Vec<(usize, &[Missed])> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Rule { rule, missed, .. } => Some((rule.index, missed.as_slice())),
            _ => None,
        })
        .collect();
    let expected: [(usize, &[Missed]); 3] =
        [(0, &[Missed::Peer]), (1, &[Missed::Protocol]), (2, &[])];
    assert_eq!(rules, expected);
    let wall = steps
        .iter()
        .filter(|step| matches!(step, Step::Policy { selects: false, .. }))
        .count();
    assert_eq!(wall, 3, "{steps:#?}");
}
