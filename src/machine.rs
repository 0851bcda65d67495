//! The machine that the engine runs on.
//!
//! It finds facts out; what they are for is said in the contract's `Machine`.

use nnf_contract::Machine;

/// What identifies this machine as far as a measurement is concerned.
#[must_use]
pub fn this_machine() -> Machine {
    Machine {
        cpu: cpu_model().unwrap_or_else(|| "unknown".into()),
        cores: u32::try_from(cores()).unwrap_or(u32::MAX),
        memory_gib: u32::try_from((memory_bytes() + (1 << 29)) >> 30).unwrap_or(u32::MAX),
        gpus: gpus(),
        platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
    }
}

/// Cores that this process may use: affinity and control groups are heeded.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Bytes of memory of this machine.
#[must_use]
pub fn memory_bytes() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let info = rustix::system::sysinfo();
        let bytes = u128::from(info.totalram) * u128::from(info.mem_unit.max(1));
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
    #[cfg(not(target_os = "linux"))]
    {
        sysctl("hw.memsize").and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

#[cfg(target_os = "linux")]
fn cpu_model() -> Option<String> {
    let board = fs_err::read_to_string("/proc/device-tree/model").ok();
    model_of(&fs_err::read_to_string("/proc/cpuinfo").ok()?, board.as_deref())
}

/// The processor by what Linux tells of it. 64-bit ARM kernels give no name, but numbers, and mostly the board's name.
#[cfg(target_os = "linux")]
fn model_of(cpuinfo: &str, board: Option<&str>) -> Option<String> {
    let value = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let Some(name) = value("model name").or_else(|| value("Processor")) else {
        let numbers = ["CPU implementer", "CPU part", "CPU variant", "CPU revision"].map(value);
        let numbers: Vec<String> = numbers.into_iter().flatten().collect();
        let board = board.map(|board| board.trim_matches(['\0', '\n', ' '])).filter(|board| !board.is_empty());
        let numbers = (!numbers.is_empty()).then(|| format!("ARM {}", numbers.join(" ")));
        let parts: Vec<String> = board.map(str::to_owned).into_iter().chain(numbers).collect();
        return (!parts.is_empty()).then(|| parts.join(", "));
    };
    // Virtual machines often hide the model's name, so the numbers that tell processors apart go with it.
    match (value("cpu family"), value("model"), value("stepping")) {
        (Some(family), Some(model), Some(stepping)) => {
            Some(format!("{name} (family {family}, model {model}, stepping {stepping})"))
        }
        _ => Some(name),
    }
}

#[cfg(not(target_os = "linux"))]
fn cpu_model() -> Option<String> {
    sysctl("machdep.cpu.brand_string")
}

#[cfg(not(target_os = "linux"))]
fn sysctl(name: &str) -> Option<String> {
    let output = std::process::Command::new("/usr/sbin/sysctl").args(["-n", name]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|text| !text.is_empty())
}

/// Models of the NVIDIA GPUs, in index order.
#[must_use]
pub fn gpus() -> Vec<String> {
    let Ok(entries) = fs_err::read_dir("/proc/driver/nvidia/gpus") else { return Vec::new() };
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
        .iter()
        .map(|folder| {
            let text = fs_err::read_to_string(folder.join("information")).unwrap_or_default();
            let model = text.lines().find_map(|line| line.strip_prefix("Model:"));
            model.map_or_else(|| "unknown".into(), |model| model.trim().to_owned())
        })
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::model_of;

    #[test]
    fn processors_are_told_apart_by_what_there_is() {
        let named = "processor\t: 0\nmodel name\t: Chip 9\ncpu family\t: 26\nmodel\t\t: 2\nstepping\t: 1\n";
        assert_eq!(model_of(named, None).as_deref(), Some("Chip 9 (family 26, model 2, stepping 1)"));
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x4\nCPU part\t: 0xd0b\nCPU revision\t: 1\n";
        assert_eq!(
            model_of(arm, Some("Raspberry Pi 5 Model B Rev 1.0\0")).as_deref(),
            Some("Raspberry Pi 5 Model B Rev 1.0, ARM 0x41 0xd0b 0x4 1")
        );
        assert_eq!(model_of(arm, None).as_deref(), Some("ARM 0x41 0xd0b 0x4 1"));
        assert_eq!(model_of("processor\t: 0\n", Some("\0")), None);
    }
}
