# Usage: source("bench/common.R"), from the top of the project
#
# What the benchmark scripts share: options, the fits to compare, a fit in a process of its own,
# interleaved timing, facts about the machine, and sections of bench/RESULTS.md.

# Options from the command line, written name=value, over the defaults. Values take the type of
# the default; a text is split at commas.
command_options <- function(...) {
  options <- list(..., lib = ".lib", write = NA)
  given <- commandArgs(trailingOnly = TRUE)
  for (one in strsplit(given, "=", fixed = TRUE)) {
    name <- one[1L]
    if (length(one) != 2L || !name %in% names(options)) {
      stop("arguments are name=value with the names ", toString(names(options)), call. = FALSE)
    }
    options[[name]] <- switch(class(options[[name]])[1L],
      numeric = as.numeric(one[2L]),
      logical = one[2L] %in% c("yes", "TRUE"),
      strsplit(one[2L], ",", fixed = TRUE)[[1L]]
    )
  }
  use_library(options$lib)
  options
}

# For this process and the ones that it starts.
use_library <- function(lib) {
  if (dir.exists(lib)) {
    lib <- normalizePath(lib)
    Sys.setenv(R_LIBS = paste(c(lib, Sys.getenv("R_LIBS")), collapse = ":"))
    .libPaths(c(lib, .libPaths()))
  }
  suppressPackageStartupMessages(library(rlmm))
}

# BLAS must be told of its one thread before R starts: runs the script again with it.
single_blas_thread <- function() {
  if (Sys.getenv("OPENBLAS_NUM_THREADS") == "1") return(invisible())
  script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
  quit(status = system2(file.path(R.home("bin"), "Rscript"),
    shQuote(c(script, commandArgs(trailingOnly = TRUE))), env = "OPENBLAS_NUM_THREADS=1"))
}

quietly <- function(expr) suppressWarnings(suppressMessages(expr))

seconds_of <- function(expr) system.time(quietly(expr))[["elapsed"]]

# Each fits a model, list(formula, REML, ...), to data with default settings.
fitters <- list(
  rlmm = function(model, data) rlmm::rlmm(model$formula, data, REML = model$REML),
  lmer = function(model, data) lme4::lmer(model$formula, data, REML = model$REML),
  glmmTMB = function(model, data) glmmTMB::glmmTMB(model$formula, data, REML = model$REML),
  nlme = function(model, data) {
    nlme::lme(lme4::nobars(model$formula), data, model$nlme,
      method = if (model$REML) "REML" else "ML")
  }
)

home_of <- c(rlmm = "rlmm", lmer = "lme4", glmmTMB = "glmmTMB", nlme = "nlme")

can_fit <- function(fitter, model) {
  requireNamespace(home_of[[fitter]], quietly = TRUE) && (fitter != "nlme" || !is.null(model$nlme))
}

# REML criterion or deviance, evaluations, and what rlmm says of its fit.
facts_of_fit <- function(fit) {
  if (inherits(fit, "rlmm")) {
    info <- rlmm::optinfo(fit)
    return(list(criterion = fit$criterion, evaluations = info$evaluations,
      certified = info$certificate$certified, factorisation = info$factorisation))
  }
  list(criterion = -2 * as.numeric(stats::logLik(fit)),
    evaluations = if (inherits(fit, "merMod")) fit@optinfo$feval else NA)
}

# Seconds per call, wall clock and processor time of all threads, of `times` calls in a row: the
# clock counts milliseconds.
time_calls <- function(fitter, model, data, times = 1L) {
  fit_model <- fitters[[fitter]]
  gc(FALSE)
  time <- system.time(for (i in seq_len(times)) fit <- quietly(fit_model(model, data)),
    gcFirst = FALSE)
  list(fit = fit, seconds = c(wall = time[["elapsed"]], cpu = time[[1L]] + time[[2L]]) / times)
}

# How many calls make a batch of a fifth of a second.
batch_size <- function(wall) as.integer(min(500, max(1, ceiling(0.2 / max(wall, 1e-4)))))

# A field of /proc/self/status in bytes, NA on systems without it.
process_status <- function(field) {
  lines <- tryCatch(readLines("/proc/self/status"), error = function(e) "",
    warning = function(w) "")
  line <- grep(paste0("^", field, ":"), lines, value = TRUE)
  if (length(line)) 1024 * as.numeric(gsub("[^0-9]", "", line)) else NA_real_
}

# Linux forgets the peak so far when asked; where it may not, the peak so far is the base.
reset_peak <- function() {
  try(cat("5", file = "/proc/self/clear_refs"), silent = TRUE)
  process_status("VmHWM")
}

# Fits the task in a process of its own, for at most `limit` seconds (and some to start in). A list
# of wall, cpu, peak (bytes above those that the process had with the data), facts_of_fit();
# only `error` where it failed.
fit_apart <- function(fitter, model, data, limit) {
  files <- tempfile(c("task", "result"))
  on.exit(unlink(files))
  saveRDS(list(fitter = fitter, model = model, data = data), files[1L], compress = FALSE)
  code <- sprintf("source('bench/common.R'); child('%s', '%s')", files[1L], files[2L])
  status <- suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(code)),
    timeout = limit + 15))
  if (file.exists(files[2L])) return(readRDS(files[2L]))
  list(error = if (status == 124L) "too slow" else paste("ended with status", status))
}

# The other side of fit_apart(). A first small fit loads what R loads on first use.
child <- function(task_file, result_file) {
  task <- readRDS(task_file)
  result <- tryCatch(measure_once(task), error = function(e) list(error = conditionMessage(e)))
  saveRDS(result, result_file)
}

measure_once <- function(task) {
  small <- list(formula = Reaction ~ Days + (1 | Subject), REML = TRUE, nlme = ~ 1 | Subject)
  time_calls(task$fitter, small, lme4::sleepstudy)
  gc(FALSE)
  base <- reset_peak()
  timed <- time_calls(task$fitter, task$model, task$data)
  peak <- process_status("VmHWM") - base
  seconds <- timed$seconds
  if (seconds[["wall"]] < 0.2) {
    batches <- replicate(3L, time_calls(task$fitter, task$model, task$data,
      batch_size(seconds[["wall"]]))$seconds)
    seconds <- apply(batches, 1L, stats::median)
  }
  c(as.list(seconds), peak = peak, facts_of_fit(timed$fit))
}

# A number to three digits.
number <- function(x) {
  ifelse(is.na(x), "", format_each(signif(x, 3), scientific = FALSE))
}

format_each <- function(x, ...) vapply(x, format, "", ..., trim = TRUE)

# Bytes as megabytes; below one they are noise.
megabytes <- function(bytes) {
  ifelse(is.na(bytes), "", ifelse(bytes < 1e6, "< 1", format_each(round(bytes / 1e6))))
}

markdown_table <- function(header, rows) {
  right <- c("---", rep("---:", length(header) - 1L))
  line <- function(cells) paste("|", paste(cells, collapse = " | "), "|")
  c(line(header), line(right), vapply(rows, line, ""))
}

machine_facts <- function() {
  processor <- tryCatch(grep("^model name", readLines("/proc/cpuinfo"), value = TRUE)[1L],
    error = function(e) NA, warning = function(w) NA)
  installed <- Filter(function(package) requireNamespace(package, quietly = TRUE), home_of)
  versions <- vapply(installed, function(p) as.character(utils::packageVersion(p)), "")
  c(
    paste0("- ", format(Sys.Date()), ", ", parallel::detectCores(), " cores",
      if (!is.na(processor)) paste0(" (", trimws(sub(".*:", "", processor)), ")")),
    paste0("- ", R.version.string, ", ", R.version$platform),
    paste0("- BLAS of R and lme4: ", sessionInfo()$BLAS, ", one thread; rlmm up to ",
      rlmm:::thread_count(), " threads"),
    paste0("- ", paste(installed, versions, collapse = ", "))
  )
}

# Puts a section in the place of the one before, or at the end.
replace_section <- function(name, lines, file = "bench/RESULTS.md") {
  marks <- paste0("<!-- ", name, c(":begin", ":end"), " -->")
  lines <- c(marks[1L], lines, marks[2L])
  old <- if (file.exists(file)) readLines(file) else c("# Measurements", "")
  at <- match(marks, old)
  new <- if (anyNA(at)) {
    c(old, if (nzchar(old[length(old)])) "", lines)
  } else {
    c(old[seq_len(at[1L] - 1L)], lines, old[-seq_len(at[2L])])
  }
  writeLines(new, file)
}

# Shows a section, and writes it if asked to, or if it is complete and not asked otherwise.
report <- function(name, lines, write, complete) {
  writeLines(lines)
  if (isTRUE(write) || is.na(write) && complete) replace_section(name, lines)
}
