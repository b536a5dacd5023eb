# The workload: whole calls of rlmm() beside lme4::lmer(), both with their default settings.
#
#   Rscript bench/fit.R [workloads=a,b] [peers=lmer,nlme,glmmTMB] [runs=5] [limit=600] [lib=.lib]
#                       [write=yes]
#
# from the top of the project. `peers=none` fits with rlmm alone; a peer is given up after `limit`
# seconds. Ends with status 1 if a criterion is above the best peer's, or a fit is not certified.

source("bench/common.R")
source("bench/workload.R")

# A criterion may be above the best known by this.
TOLERANCE <- 1e-6
# A peer that takes longer than the first has one run beside the one in a process of its own, which
# counts; beyond the second it has that one alone.
SLOW <- c(20, 60)

runs_beside <- function(first, runs) {
  if (!is.null(first$error)) return(0L)
  if (first$wall <= SLOW[1L]) runs else if (first$wall <= SLOW[2L]) 1L else 0L
}

# Medians of wall and CPU seconds by fitter (columns), runs interleaved.
interleave <- function(first, model, data, runs) {
  beside <- vapply(first, runs_beside, 1, runs = runs)
  taken <- lapply(names(first), function(name) {
    found <- first[[name]]
    if (is.null(found$error) && beside[[name]] < runs) list(c(wall = found$wall, cpu = found$cpu))
  })
  names(taken) <- names(first)
  for (i in seq_len(runs)) {
    for (name in names(first)[beside >= i]) {
      timed <- time_calls(name, model, data, batch_size(first[[name]]$wall))
      taken[[name]] <- c(taken[[name]], list(timed$seconds))
    }
  }
  vapply(taken, function(seconds) {
    if (is.null(seconds)) return(c(wall = NA_real_, cpu = NA_real_))
    apply(do.call(cbind, seconds), 1L, stats::median)
  }, c(wall = 0, cpu = 0))
}

measure <- function(model, options) {
  message(format(Sys.time(), "%H:%M:%S"), " ", model$name)
  peers <- Filter(function(peer) can_fit(peer, model), intersect(options$peers, names(fitters)))
  data <- workload_data(model$data)
  first <- sapply(c("rlmm", peers), fit_apart, model = model, data = data, limit = options$limit,
    simplify = FALSE)
  for (name in names(first)) {
    if (!is.null(first[[name]]$error)) message("  ", name, ": ", first[[name]]$error)
  }
  list(model = model, first = first, seconds = interleave(first, model, data, options$runs))
}

field <- function(found, fitter, name) {
  value <- found$first[[fitter]][[name]]
  if (is.null(value)) NA_real_ else value
}

seconds_of <- function(found, fitter, clock) {
  if (fitter %in% colnames(found$seconds)) found$seconds[[clock, fitter]] else NA_real_
}

# rlmm's criterion less the best of the peers and of the record.
excess <- function(found) {
  peers <- setdiff(names(found$first), "rlmm")
  best <- vapply(peers, function(peer) field(found, peer, "criterion"), 0)
  best <- min(best, found$model$optimum, Inf, na.rm = TRUE)
  if (is.finite(best)) field(found, "rlmm", "criterion") - best else NA_real_
}

failures <- function(found) {
  c(
    if (!is.null(found$first$rlmm$error)) paste("FAIL: no fit:", found$first$rlmm$error),
    if (isTRUE(excess(found) > TOLERANCE)) "FAIL: the criterion is above the best known",
    if (isFALSE(found$first$rlmm$certified)) "FAIL: not certified"
  )
}

# A figure, bold where it meets its target.
mark <- function(text, met) if (isTRUE(met)) paste0("**", text, "**") else text

header <- c("workload", "lmer / rlmm", "target", "rlmm, s", "rlmm CPU, s", "lmer, s",
  "lmer CPU, s", "evaluations", "at most", "lmer's", "criterion less best", "certified",
  "factorisation", "rlmm, MB", "lmer, MB", "rlmm / lmer", "at most")

table_row <- function(found, others) {
  model <- found$model
  ratio <- seconds_of(found, "lmer", "wall") / seconds_of(found, "rlmm", "wall")
  evaluations <- field(found, "rlmm", "evaluations")
  memory <- vapply(c("rlmm", "lmer"), function(fitter) field(found, fitter, "peak"), 0)
  share <- if (isTRUE(max(memory) >= 1e6)) memory[["rlmm"]] / memory[["lmer"]] else NA_real_
  c(
    model$name, mark(number(ratio), ratio >= model$speed), number(model$speed),
    number(seconds_of(found, "rlmm", "wall")), number(seconds_of(found, "rlmm", "cpu")),
    number(seconds_of(found, "lmer", "wall")), number(seconds_of(found, "lmer", "cpu")),
    mark(count(evaluations), evaluations <= model$evaluations), count(model$evaluations),
    count(field(found, "lmer", "evaluations")), difference_text(excess(found)),
    if (isTRUE(found$first$rlmm$certified)) "yes" else "no",
    c(found$first$rlmm$factorisation$kind, "")[1L], megabytes(memory),
    mark(number(share), share <= model$memory), number(model$memory),
    vapply(others, function(peer) number(seconds_of(found, peer, "wall")), "")
  )
}

count <- function(x) if (is.na(x)) "" else as.character(x)

difference_text <- function(x) {
  if (is.na(x)) "" else paste0(format(x, digits = 2), if (x > TOLERANCE) " FAIL")
}

section <- function(all_found, options) {
  others <- setdiff(intersect(options$peers, names(fitters)), "lmer")
  others <- Filter(function(peer) requireNamespace(home_of[[peer]], quietly = TRUE), others)
  c(
    "## Fits: `rlmm()` beside `lme4::lmer()`", "",
    paste0("Whole calls with default settings, medians of ", options$runs, " interleaved runs ",
      "(`bench/fit.R`); a peer slower than ", SLOW[1L], " s ran twice, slower than ", SLOW[2L],
      " s once. Bold: meets its target. Memory is the peak during a fit in a fresh process above ",
      "what it had with the data. lmer's evaluations are those of its search. A criterion may ",
      "exceed the best of the peers (or, for kb07max, the best known) by 1e-6."), "",
    markdown_table(c(header, if (length(others)) paste0(others, ", s")),
      lapply(all_found, table_row, others = others)), "",
    unlist(lapply(all_found, function(found) {
      failed <- failures(found)
      if (length(failed)) paste0("- ", found$model$name, ": ", failed)
    })),
    machine_facts()
  )
}

single_blas_thread()
options <- command_options(workloads = names(workload), peers = "lmer", runs = 5, limit = 600)
unknown <- setdiff(options$workloads, names(workload))
if (length(unknown)) {
  stop("no workload ", toString(unknown), "; there are ", toString(names(workload)))
}
found <- lapply(workload[options$workloads], measure, options = options)
complete <- setequal(options$workloads, names(workload)) && "lmer" %in% options$peers
report("fit", section(found, options), options$write, complete)
quit(status = as.integer(length(unlist(lapply(found, failures))) > 0L))
