# Bootstrap, many responses and power, beside lme4. How often intervals hold the true values is
# measured by bench/intervals.R.
#
#   Rscript bench/bootstrap.R [runs=5] [lib=.lib] [write=yes]
#
# from the top of the project. A complete run takes about a minute.

source("bench/common.R")

insteval_tenth <- function() {
  set.seed(4)
  droplevels(lme4::InstEval[sample.int(nrow(lme4::InstEval), 7342L), ])
}

# All parameters, as rlmm has them without a function.
lme4_parameters <- function(m) {
  terms <- lme4::VarCorr(m)
  c(unlist(lapply(terms, function(S) c(attr(S, "stddev"), attr(S, "correlation")[lower.tri(S)]))),
    sigma(m), lme4::fixef(m))
}

newdata <- data.frame(Days = 0:9, Subject = "308")

# Each with a call of rlmm and of lme4 for a number of replicates, and these numbers.
tasks <- list(
  list(name = "sleepstudy, all parameters", target = 200, n = c(1000, 50),
    data = function() lme4::sleepstudy, formula = Reaction ~ Days + (Days | Subject),
    rlmm = function(fit, n) rlmm::bootMer(fit, nsim = n, seed = 1),
    lme4 = function(fit, n) lme4::bootMer(fit, lme4_parameters, nsim = n, seed = 1)),
  list(name = "InstEval, 7,342 rows, all parameters", target = 50, n = c(100, 5),
    data = insteval_tenth, formula = y ~ service + (1 | s) + (1 | d) + (1 | dept),
    rlmm = function(fit, n) rlmm::bootMer(fit, nsim = n, seed = 1),
    lme4 = function(fit, n) lme4::bootMer(fit, lme4_parameters, nsim = n, seed = 1)),
  list(name = "sleepstudy, FUN in R (predict)", target = 4, n = c(200, 50),
    data = function() lme4::sleepstudy, formula = Reaction ~ Days + (Days | Subject),
    rlmm = function(fit, n) {
      rlmm::bootMer(fit, function(m) predict(m, newdata, re.form = NA), nsim = n, seed = 1)
    },
    lme4 = function(fit, n) {
      lme4::bootMer(fit, function(m) predict(m, newdata, re.form = NA), nsim = n, seed = 1)
    }),
  list(name = "InstEval, 7,342 rows, FUN in R (fixef)", target = 4, n = c(50, 5),
    data = insteval_tenth, formula = y ~ service + (1 | s) + (1 | d) + (1 | dept),
    rlmm = function(fit, n) rlmm::bootMer(fit, nlme::fixef, nsim = n, seed = 1),
    lme4 = function(fit, n) lme4::bootMer(fit, lme4::fixef, nsim = n, seed = 1)),
  list(name = "2,000 responses on sleepstudy's design", target = NA, n = c(2000, 50),
    data = function() lme4::sleepstudy, formula = Reaction ~ Days + (Days | Subject),
    rlmm = function(fit, n) rlmm::refit(fit, responses(n), ddf = "none"),
    lme4 = function(fit, n) lapply(responses(n), function(y) lme4::refit(fit, y)))
)

responses <- function(n) {
  set.seed(1)
  y <- lme4::sleepstudy$Reaction
  as.data.frame(y + matrix(rnorm(n * length(y), 0, 25), length(y)))
}

measure <- function(task, runs) {
  message(format(Sys.time(), "%H:%M:%S"), " ", task$name)
  data <- task$data()
  environment(task$formula) <- globalenv()
  ours <- rlmm::rlmm(task$formula, data)
  theirs <- quietly(lme4::lmer(task$formula, data))
  times <- vapply(seq_len(runs), function(i) {
    c(seconds_of(task$rlmm(ours, task$n[1L])), seconds_of(task$lme4(theirs, task$n[2L]))) / task$n
  }, numeric(2L))
  medians <- apply(times, 1L, stats::median)
  c(task$name, number(medians[2L] / medians[1L]), number(task$target),
    number(medians * 1000), format(task$n[1L], big.mark = ","), number(medians[1L] * task$n[1L]))
}

# Peak memory of so many replicates above the process's own, in a process of its own.
memory_of <- function(nsim) {
  code <- paste0("source('bench/common.R'); use_library('.lib'); ",
    "fit <- rlmm::rlmm(Reaction ~ Days + (Days | Subject), rlmm::sleepstudy); ",
    "b <- rlmm::bootMer(fit, nsim = 100, seed = 1); gc(FALSE); base <- reset_peak(); ",
    "b <- rlmm::bootMer(fit, nsim = ", nsim, ", seed = 1); ",
    "cat(process_status('VmHWM') - base)")
  as.numeric(utils::tail(system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(code)),
    stdout = TRUE), 1L))
}

section <- function(rows, memory, power) {
  c(
    "## Bootstrap, many responses, power", "",
    paste0("Wall time of whole calls, medians of interleaved runs (`bench/bootstrap.R`); lme4 ",
      "with fewer replicates, times per replicate."), "",
    markdown_table(c("", "lme4 / rlmm", "target", "rlmm, ms per replicate", "lme4, ms per replicate",
      "replicates of rlmm", "s for these"), rows), "",
    paste0("Peak memory above the process's own: ", megabytes(memory[1L]),
      " MB for 1,000 replicates of sleepstudy, ", megabytes(memory[2L]), " MB for 100,000, of ",
      "which the statistics kept take 6 MB and the rest is what R has not yet collected."), "",
    paste0("`power_sim()`: ", number(power), " s for 1,000 simulations of sleepstudy's slope with ",
      "Satterthwaite's degrees of freedom for each."),
    "", machine_facts()
  )
}

single_blas_thread()
options <- command_options(runs = 5)
rows <- lapply(tasks, measure, runs = options$runs)
memory <- vapply(c(1000, 1e5), memory_of, 0)
fit <- rlmm::rlmm(Reaction ~ Days + (Days | Subject), rlmm::sleepstudy)
power <- stats::median(replicate(options$runs, seconds_of(rlmm::power_sim(fit, "Days", seed = 1))))
report("bootstrap", section(rows, memory, power), options$write, options$runs >= 3)
