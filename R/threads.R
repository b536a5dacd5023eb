# How many threads a computation may use. The rule is described in ?rlmm_control.

thread_count <- function(control = NULL) {
  wanted <- control$threads
  if (is.null(wanted)) wanted <- if (is_worker()) 1L else getOption("rlmm.threads")
  available <- available_processors()
  if (is.null(wanted)) wanted <- max(2, available %/% 2)
  if (!is.numeric(wanted)) wanted <- suppressWarnings(as.numeric(wanted))
  if (is.na(wanted[1L]) || wanted[1L] < 1) {
    stop_rlmm("control", "the option 'rlmm.threads' must be a positive number",
      column = "rlmm.threads")
  }
  wanted <- as.integer(min(wanted[1L], .Machine$integer.max))
  min(wanted, available, environment_limit())
}

# A fork has another process id than the process that loaded the package; workers of the parallel
# and future packages are started with a telling command, or have one core allotted to them.
is_worker <- function() {
  !is.null(session$pid) && session$pid != Sys.getpid() ||
    identical(as.integer(getOption("mc.cores", 2L)), 1L) || isTRUE(session$is_cluster_worker)
}

# Limits set in the environment, Inf where there is none.
environment_limit <- function() {
  openmp <- Sys.getenv("OMP_THREAD_LIMIT")
  check <- Sys.getenv("_R_CHECK_LIMIT_CORES_")
  if (!nzchar(openmp) && !nzchar(check)) return(.Machine$integer.max)
  openmp <- suppressWarnings(as.integer(openmp))
  check <- tolower(check)
  as.integer(min(
    if (!is.na(openmp) && openmp > 0L) openmp else .Machine$integer.max,
    if (check %in% c("", "false")) .Machine$integer.max else 2L
  ))
}

# Processors that this process may use; asked of the system once.
available_processors <- function() {
  if (is.null(session$processors)) {
    session$processors <- max(1L, min(affinity_processors(), cgroup_processors(), na.rm = TRUE))
  }
  session$processors
}

# From the affinity mask where the system shows it (Linux), as "0-3,8".
affinity_processors <- function() {
  status <- read_lines("/proc/self/status")
  mask <- sub("^Cpus_allowed_list:\\s*", "", grep("^Cpus_allowed_list:", status, value = TRUE))
  if (length(mask) != 1L) {
    cores <- parallel_cores()
    return(if (is.na(cores)) 1L else cores)
  }
  ranges <- strsplit(strsplit(mask, ",", fixed = TRUE)[[1L]], "-", fixed = TRUE)
  sum(vapply(ranges, function(r) as.integer(r[length(r)]) - as.integer(r[1L]) + 1L, 1L))
}

parallel_cores <- function() {
  if (.Platform$OS.type == "windows") {
    return(suppressWarnings(as.integer(Sys.getenv("NUMBER_OF_PROCESSORS"))))
  }
  cores <- tryCatch(system2("getconf", "_NPROCESSORS_ONLN", stdout = TRUE, stderr = FALSE),
    error = function(e) NA, warning = function(w) NA)
  suppressWarnings(as.integer(cores[1L]))
}

# The processor time that the control groups of this process allow, in whole processors.
cgroup_processors <- function() {
  quotas <- c(
    vapply(cgroup_files("cpu.max"), function(file) {
      quota_ratio(strsplit(read_lines(file)[1L], " ", fixed = TRUE)[[1L]])
    }, 0),
    quota_ratio(c(
      read_lines("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
      read_lines("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
    ))
  )
  smallest <- min(quotas, Inf, na.rm = TRUE)
  if (is.finite(smallest)) max(1L, as.integer(smallest)) else NA_integer_
}

# "max 100000" and "-1" mean no limit.
quota_ratio <- function(quota_and_period) {
  x <- suppressWarnings(as.numeric(quota_and_period))
  if (length(x) == 2L && !anyNA(x) && x[1L] > 0) x[1L] / x[2L] else NA_real_
}

# A file of that name in the control group (version 2) of this process, and in all above it.
cgroup_files <- function(name) {
  line <- grep("^0::", read_lines("/proc/self/cgroup"), value = TRUE)
  path <- if (length(line)) sub("^0::/?", "", line[1L]) else ""
  parts <- strsplit(path, "/", fixed = TRUE)[[1L]]
  folders <- vapply(0:length(parts), function(k) paste(parts[seq_len(k)], collapse = "/"), "")
  files <- unique(file.path("/sys/fs/cgroup", folders, name))
  files[file.exists(files)]
}

read_lines <- function(file) {
  tryCatch(readLines(file, warn = FALSE), error = function(e) character(),
    warning = function(w) character())
}
