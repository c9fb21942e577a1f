use super::*;
use crate::features::Kind;

fn table(without: &[&str]) -> Vec<Feature> {
    let everything = |_: Kind, _: &str| true;
    let host = Host {
        btf: Some(&everything),
        cgroup2: true,
    };
    features::table(&host, without)
}

/// A kernel that refuses an object with any of these programs in it.
fn refusing<'a>(
    programs: &'a [&str],
) -> impl FnMut(&[Feature]) -> Result<Vec<String>, libbpf_rs::Error> + 'a {
    |features| {
        let active = features.iter().filter(|f| f.active);
        let active: Vec<String> = active.map(|f| f.program.clone()).collect();
        if active.iter().any(|name| programs.contains(&name.as_str())) {
            return Err(std::io::Error::from_raw_os_error(22).into());
        }
        Ok(active)
    }
}

#[test]
fn a_refused_program_costs_only_itself() {
    let mut features = table(&[]);
    let refused = ["tcp_rcv_space_adjust", "flush"];
    let loaded = settle(&mut features, refusing(&refused)).unwrap();
    assert_eq!(loaded.len(), features.len() - 2);
    for feature in &features {
        let off = refused.contains(&feature.program.as_str());
        assert_eq!(feature.active, !off, "{}", feature.program);
        assert_eq!(feature.reason.contains("the kernel refused it"), off);
    }
}

#[test]
fn a_required_program_that_is_refused_is_named() {
    for program in ["egress", "ingress"] {
        let error = settle(&mut table(&[]), refusing(&[program])).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!("without the kernel program {program},")),
            "{text}"
        );
        assert!(
            text.contains("the kernel refused it: Invalid argument"),
            "{text}"
        );
        assert!(
            text.contains("Next: see what this kernel can do with `forebay doctor`"),
            "{text}"
        );
    }
}

#[test]
fn a_required_program_that_lacks_something_is_never_loaded() {
    let host = Host {
        btf: None,
        cgroup2: true,
    };
    let load = |_: &[Feature]| -> Result<(), _> { panic!("loaded") };
    let error = settle(&mut features::table(&host, &[]), load).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("program egress, which can't run here: this kernel has no BTF"),
        "{text}"
    );
    assert!(
        text.contains("Next: boot a kernel built with CONFIG_DEBUG_INFO_BTF=y"),
        "{text}"
    );
}

#[test]
fn what_no_program_is_to_blame_for_is_told_as_it_is() {
    let full = table(&[]).len();
    let load = |features: &[Feature]| match features.iter().filter(|f| f.active).count() {
        n if n == full => Err(libbpf_rs::Error::from(std::io::Error::from_raw_os_error(
            12,
        ))),
        n => Ok(n),
    };
    let text = settle(&mut table(&[]), load).unwrap_err().to_string();
    assert!(
        text.contains("Cannot allocate memory") && text.contains("Likely cause"),
        "{text}"
    );
}

#[test]
fn what_was_left_out_stays_out() {
    let mut features = table(&["flush"]);
    let loaded = settle(&mut features, refusing(&["tcp_sendmsg_locked"])).unwrap();
    assert!(
        !loaded.contains(&"flush".to_owned()) && !loaded.contains(&"tcp_sendmsg_locked".to_owned())
    );
    assert_eq!(loaded.len(), features.len() - 2);
    let flush = features.iter().find(|f| f.program == "flush").unwrap();
    assert_eq!(flush.reason, "off: asked for by --without");
}

#[test]
fn one_of_the_programs_that_see_reads_must_run() {
    assert!(see_reads(&table(&[LATE])).is_ok());
    assert!(see_reads(&table(&[READS])).is_ok());
    let text = see_reads(&table(&[LATE, READS])).unwrap_err().to_string();
    assert!(
        text.contains("skb_copy_datagram_iovec (off: asked for by --without) are both off"),
        "{text}"
    );
}
