//! The control groups that this process is in: how much CPU time and how many tasks they allow.
//!
//! Both versions are read, since both are about: in version 2 a process is in one group with all controllers, in version 1 in one of each
//! hierarchy. A limit holds for all that is below, so the smallest from the process's group up to the root is the one that counts. In a
//! container the root that can be seen is mostly its own group.
//! (man 7 cgroups; Documentation/admin-guide/cgroup-v2.rst; Documentation/scheduler/sched-bwc.rst)

use crate::kernel_files::KernelFiles;

/// The limit of CPU time in cores, 1.5 for instance, if there is one.
///
/// # Errors
/// It cannot be found out, and why.
pub fn quota_cores(files: &KernelFiles) -> Result<Option<f64>, String> {
    let version_2 = |dir: &str| {
        let text = files.read(&format!("{dir}/cpu.max")).ok()?;
        let (quota, period) = text.split_once(' ')?;
        cores(quota, period)
    };
    let version_1 = |dir: &str| {
        let quota = files.read(&format!("{dir}/cpu.cfs_quota_us")).ok()?;
        cores(&quota, &files.read(&format!("{dir}/cpu.cfs_period_us")).ok()?)
    };
    let limits = dirs(files, "cpu")?.into_iter().filter_map(|dir| version_2(&dir).or_else(|| version_1(&dir)));
    Ok(limits.min_by(f64::total_cmp))
}

/// How many tasks, processes and threads, there may be.
///
/// # Errors
/// There is no limit, or it cannot be found out.
pub fn tasks_max(files: &KernelFiles) -> Result<u64, String> {
    let limits = dirs(files, "pids")?.into_iter().filter_map(|dir| files.number(&format!("{dir}/pids.max")).ok());
    limits.min().ok_or("no cgroup limits the number of tasks".to_owned())
}

/// `max` and -1 mean that there is no limit.
fn cores(quota_us: &str, period_us: &str) -> Option<f64> {
    let (quota_us, period_us): (u64, u64) = (quota_us.parse().ok()?, period_us.parse().ok()?);
    (period_us > 0).then(|| quota_us as f64 / period_us as f64)
}

/// The folders of the groups that this process is in as far as `controller` is concerned: its own first, then each parent.
fn dirs(files: &KernelFiles, controller: &str) -> Result<Vec<String>, String> {
    let groups = files.read("/proc/self/cgroup")?;
    let mounts = files.read("/proc/self/mountinfo")?;
    let mut dirs = Vec::new();
    for line in groups.lines() {
        // `4:cpu,cpuacct:/path`, and `0::/path` in version 2.
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let kind = match controllers {
            "" => "cgroup2",
            _ if controllers.split(',').any(|one| one == controller) => "cgroup",
            _ => continue,
        };
        let Some((root, point)) = mounts.lines().find_map(|line| mount(line, kind, controller)) else { continue };
        // What is above the mount's root cannot be seen from here.
        let below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or("");
        let mut below = below.trim_end_matches('/');
        loop {
            dirs.push(format!("{point}{below}"));
            let Some((parent, _)) = below.rsplit_once('/') else { break };
            below = parent;
        }
    }
    if dirs.is_empty() { Err(format!("no cgroup has the controller '{controller}'")) } else { Ok(dirs) }
}

/// Root and place of a mount of this kind: `32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu`.
fn mount<'a>(line: &'a str, kind: &str, controller: &str) -> Option<(&'a str, &'a str)> {
    let (mount, device) = line.split_once(" - ")?;
    let mut device = device.split(' ');
    let options = (device.next()? == kind).then(|| device.nth(1))??;
    if kind == "cgroup" && !options.split(',').any(|option| option == controller) {
        return None;
    }
    let mut words = mount.split(' ').skip(3);
    Some((words.next()?, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_files::made_of;

    const V2: &str = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
    const V1: &str = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";

    #[test]
    fn in_version_2_the_smallest_limit_up_to_the_root_counts() {
        let (_root, files) = made_of(&[
            ("/proc/self/cgroup", "0::/user.slice/mine.scope\n"),
            ("/proc/self/mountinfo", V2),
            ("/sys/fs/cgroup/user.slice/mine.scope/cpu.max", "max 100000\n"),
            ("/sys/fs/cgroup/user.slice/cpu.max", "150000 100000\n"),
            ("/sys/fs/cgroup/user.slice/mine.scope/pids.max", "max\n"),
            ("/sys/fs/cgroup/user.slice/pids.max", "500\n"),
        ]);
        assert_eq!((quota_cores(&files), tasks_max(&files)), (Ok(Some(1.5)), Ok(500)));
    }

    #[test]
    fn in_version_1_each_controller_has_its_hierarchy() {
        let (_root, files) = made_of(&[
            ("/proc/self/cgroup", "5:pids:/a\n4:cpu,cpuacct:/a/b\n1:name=systemd:/\n"),
            ("/proc/self/mountinfo", V1),
            ("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "50000\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
            ("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("/sys/fs/cgroup/pids/a/pids.max", "64\n"),
        ]);
        assert_eq!((quota_cores(&files), tasks_max(&files)), (Ok(Some(0.5)), Ok(64)));
    }

    #[test]
    fn in_a_container_the_groups_own_folder_is_the_mounts_root() {
        let (_root, files) = made_of(&[
            ("/proc/self/cgroup", "0::/docker/0123\n"),
            ("/proc/self/mountinfo", "31 23 0:28 /docker/0123 /sys/fs/cgroup ro - cgroup2 cgroup rw\n"),
            ("/sys/fs/cgroup/cpu.max", "200000 100000\n"),
        ]);
        assert_eq!(quota_cores(&files), Ok(Some(2.0)));
    }

    #[test]
    fn no_limit_is_told_from_no_cgroups() {
        let (_root, files) = made_of(&[("/proc/self/cgroup", "0::/\n"), ("/proc/self/mountinfo", V2)]);
        assert_eq!(quota_cores(&files), Ok(None));
        let (_root, files) = made_of(&[]);
        assert_eq!(quota_cores(&files), Err("there is no /proc/self/cgroup here".to_owned()));
        let (_root, files) = made_of(&[("/proc/self/cgroup", "5:pids:/a\n"), ("/proc/self/mountinfo", V1)]);
        assert!(quota_cores(&files).unwrap_err().contains("'cpu'"));
    }
}
