# Times of rlmm() beside lme4::lmer(), both with their default settings: wall and CPU time of the
# whole call, medians of interleaved runs. Writes its section of bench/RESULTS.md.
#
#   Rscript bench/first.R
#
# from the top of the project; rlmm is taken from .lib if it is there.

# BLAS must be told of its one thread before R starts.
if (Sys.getenv("OPENBLAS_NUM_THREADS") != "1") {
  script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
  quit(status = system2(file.path(R.home("bin"), "Rscript"), shQuote(script),
    env = "OPENBLAS_NUM_THREADS=1"))
}

.libPaths(c(if (dir.exists(".lib")) normalizePath(".lib"), .libPaths()))
suppressPackageStartupMessages(library(rlmm))

models <- list(
  list(name = "sleepstudy, REML", runs = 51L, REML = TRUE, data = rlmm::sleepstudy,
    formula = Reaction ~ Days + (Days | Subject)),
  list(name = "InstEval, three terms, ML", runs = 5L, REML = FALSE, data = lme4::InstEval,
    formula = y ~ service + (1 | s) + (1 | d) + (1 | dept)),
  list(name = "InstEval, four terms, REML", runs = 3L, REML = TRUE, data = lme4::InstEval,
    formula = y ~ service + (1 | s) + (1 | d) + (1 | dept) + (1 | dept:service))
)

quietly <- function(expr) suppressWarnings(suppressMessages(expr))

fitters <- list(
  rlmm = function(model) quietly(rlmm(model$formula, model$data, REML = model$REML)),
  lme4 = function(model) quietly(lme4::lmer(model$formula, model$data, REML = model$REML))
)

# Seconds of one call: wall clock, and processor time of all threads.
time_call <- function(fitter, model) {
  gc(FALSE)
  time <- system.time(fit <- fitter(model), gcFirst = FALSE)
  list(fit = fit, seconds = c(wall = time[["elapsed"]], cpu = time[[1L]] + time[[2L]]))
}

# system.time() counts milliseconds: a short call is timed in batches of `times`.
time_batch <- function(fitter, model, times) {
  repeated <- function(model) for (i in seq_len(times)) fit <- fitter(model)
  time_call(repeated, model)$seconds / times
}

measure <- function(model) {
  first <- lapply(fitters, function(fitter) time_call(fitter, model))
  times <- max(1L, as.integer(0.1 / first$rlmm$seconds[["wall"]]))
  runs <- lapply(seq_len(model$runs), function(i) {
    vapply(fitters, time_batch, c(wall = 0, cpu = 0), model = model, times = times)
  })
  list(
    seconds = apply(simplify2array(runs), 1:2, stats::median),
    fits = lapply(first, `[[`, "fit")
  )
}

lme4_criterion <- function(fit) {
  lme4::getME(fit, "devcomp")$cmp[[if (lme4::isREML(fit)) "REML" else "dev"]]
}

table_row <- function(model) {
  message("timing ", model$name)
  found <- measure(model)
  wall <- found$seconds["wall", ]
  cpu <- found$seconds["cpu", ]
  ours <- found$fits$rlmm
  theirs <- found$fits$lme4
  number <- function(x) format(signif(x, 3), scientific = FALSE, trim = TRUE)
  cells <- c(
    model$name, paste0("**", number(wall[["lme4"]] / wall[["rlmm"]]), "**"),
    number(wall[["rlmm"]]), number(wall[["lme4"]]), number(cpu[["rlmm"]]), number(cpu[["lme4"]]),
    number(cpu[["lme4"]] / cpu[["rlmm"]]),
    paste(optinfo(ours)$evaluations, "/", theirs@optinfo$feval),
    format(ours$criterion, nsmall = 6, digits = 13),
    format(lme4_criterion(theirs) - ours$criterion, digits = 2), model$runs
  )
  paste("|", paste(cells, collapse = " | "), "|")
}

machine_facts <- function() {
  processor <- tryCatch(grep("^model name", readLines("/proc/cpuinfo"), value = TRUE)[1L],
    error = function(e) NA, warning = function(w) NA)
  c(
    paste0("- ", parallel::detectCores(), " cores",
      if (!is.na(processor)) paste0(" (", trimws(sub(".*:", "", processor)), ")")),
    paste0("- ", R.version.string, ", ", R.version$platform),
    paste0("- BLAS for lme4: ", sessionInfo()$BLAS, ", one thread"),
    paste0("- rlmm ", packageVersion("rlmm"), ", up to ", rlmm:::thread_count(), " threads; lme4 ",
      packageVersion("lme4")),
    paste0("- ", format(Sys.Date()))
  )
}

section <- function() {
  c(
    "<!-- first:begin -->", "## The first fits: `rlmm()` beside `lme4::lmer()`", "",
    "Seconds of the whole call with default settings, medians of interleaved runs",
    "(`bench/first.R`). lme4's evaluations are those of its search alone.", "",
    paste("| model | lme4 / rlmm | rlmm | lme4 | rlmm CPU | lme4 CPU | CPU lme4 / rlmm |",
      "evaluations rlmm / lme4 | criterion of rlmm | lme4's less rlmm's | runs |"),
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    vapply(models, table_row, ""), "", machine_facts(), "<!-- first:end -->"
  )
}

# Puts the section in the place of the one before, or at the end.
replace_section <- function(lines, file = "bench/RESULTS.md") {
  old <- if (file.exists(file)) readLines(file) else c("# Measurements", "")
  begin <- which(old == lines[1L])
  end <- which(old == lines[length(lines)])
  if (length(begin) == 1L && length(end) == 1L) {
    new <- c(old[seq_len(begin - 1L)], lines, old[-seq_len(end)])
  } else {
    new <- c(old, if (nzchar(old[length(old)])) "", lines)
  }
  writeLines(new, file)
}

lines <- section()
replace_section(lines)
writeLines(lines)
