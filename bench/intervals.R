# Profiles and intervals beside lme4: speed, agreement, a large fit; and how often the intervals of
# each method hold the true values.
#
#   Rscript bench/intervals.R [runs=3] [coverage=1000] [lib=.lib] [write=yes]
#
# from the top of the project. A complete run takes about three minutes; coverage=0 leaves out the
# simulations, which take two of them.

source("bench/common.R")

# Formula, data, and the least ratio to lme4's time.
models <- list(
  sleepstudy = list(Reaction ~ Days + (Days | Subject), quote(lme4::sleepstudy), 100),
  Penicillin = list(diameter ~ 1 + (1 | plate) + (1 | sample), quote(lme4::Penicillin), 100),
  Pastes = list(strength ~ 1 + (1 | batch / cask), quote(lme4::Pastes), NA),
  cake = list(angle ~ recipe * temperature + (1 | recipe:replicate), quote(lme4::cake), NA),
  dietox = list(Weight ~ Time + (Time | Pig), quote(rlmm::dietox), NA)
)

# Medians of interleaved runs, ours of twenty calls in a row: the clock counts milliseconds.
compare <- function(name, runs) {
  message(format(Sys.time(), "%H:%M:%S"), " ", name)
  model <- models[[name]]
  data <- eval(model[[2L]])
  ours <- rlmm::rlmm(model[[1L]], data)
  theirs <- quietly(lme4::lmer(model[[1L]], data))
  times <- vapply(seq_len(runs), function(i) {
    c(seconds_of(for (k in 1:20) profile(ours)) / 20, seconds_of(profile(theirs)),
      seconds_of(for (k in 1:20) confint(ours)) / 20, seconds_of(confint(theirs)))
  }, numeric(4L))
  medians <- apply(times, 1L, stats::median)
  ratio <- medians[c(2L, 4L)] / medians[c(1L, 3L)]
  bold <- !is.na(model[[3L]]) & ratio >= model[[3L]]
  c(name, ifelse(bold, paste0("**", number(ratio), "**"), number(ratio)), number(model[[3L]]),
    number(medians), agreement(ours, model[[1L]], data))
}

# Largest difference of a limit, in the parameter's unit and in widths of its interval. lme4's fit
# is repeated with a tight tolerance.
agreement <- function(ours, formula, data) {
  tight <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))
  limits <- quietly(confint(lme4::lmer(formula, data, control = tight), oldNames = FALSE))
  difference <- abs(confint(ours, oldNames = FALSE)[rownames(limits), ] - limits)
  signif(c(max(difference), max(difference / (limits[, 2L] - limits[, 1L]))), 2)
}

large_fit <- function() {
  message(format(Sys.time(), "%H:%M:%S"), " InstEval")
  fit <- rlmm::rlmm(y ~ service + (1 | s) + (1 | d), lme4::InstEval)
  c(profile = seconds_of(profile(fit)), confint = seconds_of(confint(fit)))
}

# Data of 20 groups with 8 rows each, and the parameters they are drawn from.
coverage_design <- function() {
  data.frame(g = factor(rep(1:20, each = 8)), x = rep(seq(-1, 1, length.out = 8), 20))
}
truth <- list(beta = c(1, 0.5), sigma = 1, theta = c(1, 0.15, sqrt(0.25 - 0.15^2)))
true_values <- c(1, 0.5, 0.3, 1, 1, 0.5)

# Limits of every method for one data set; the samples of the bootstrap depend on `seed`.
limits_by_method <- function(fit, seed, level, samples = 499) {
  b <- rlmm::bootMer(fit, nsim = samples, seed = seed)
  others <- lapply(c("residual", "cases"), function(type) {
    rlmm::bootMer(fit, nsim = samples, seed = seed, type = type)
  })
  kinds <- c("perc", "basic", "norm", "bca", "shortest")
  by_kind <- lapply(kinds, function(kind) confint(b, type = kind, level = level))
  c(list(
    "profile of the deviance" = confint(fit, level = level),
    "profile of the REML criterion" = confint(fit, "theta_", level = level, criterion = "REML"),
    "Wald" = confint(fit, level = level, method = "Wald")
  ), stats::setNames(by_kind, paste0("bootstrap, ", kinds)), list(
    "residual bootstrap, perc" = confint(others[[1L]], level = level),
    "cases bootstrap, perc" = confint(others[[2L]], level = level)
  ))
}

coverage <- function(runs, level = 0.95) {
  message(format(Sys.time(), "%H:%M:%S"), " coverage")
  d <- coverage_design()
  y <- rlmm::simulate_lmm(~ x + (x | g), d, truth, nsim = runs, seed = 1)
  found <- lapply(seq_len(runs), function(i) {
    d$y <- y[[i]]
    limits <- quietly(limits_by_method(rlmm::rlmm(y ~ x + (x | g), d), i, level))
    vapply(limits, function(l) {
      c(l[, 1L] <= true_values[seq_len(nrow(l))] & true_values[seq_len(nrow(l))] <= l[, 2L],
        rep(NA, 6L - nrow(l)))
    }, logical(6L))
  })
  holds <- simplify2array(found)
  list(rate = apply(holds, 2:1, mean, na.rm = TRUE), missing = apply(is.na(holds), 2:1, sum),
    runs = runs, level = level)
}

coverage_section <- function(found) {
  error <- sqrt(found$level * (1 - found$level) / found$runs)
  of_none <- found$missing > 0 & found$missing < found$runs
  cells <- ifelse(is.nan(found$rate), "", sprintf("%.1f", 100 * found$rate))
  cells[of_none] <- paste0(cells[of_none], " (", found$missing[of_none], ")")
  rows <- lapply(seq_len(nrow(cells)), function(k) c(rownames(cells)[k], cells[k, ]))
  c("", "### Coverage", "",
    paste0("Percent of ", format(found$runs, big.mark = ","), " data sets whose ",
      100 * found$level,
      " percent interval holds the true value; the Monte Carlo error of 95 percent is ",
      sprintf("%.1f", 100 * error), ". `y ~ x + (x | g)` fitted by REML to 20 groups of 8 rows; ",
      "true standard deviations 1 and 0.5, correlation 0.3, sigma 1; 499 samples for each ",
      "bootstrap. In brackets: data sets without limits (a singular fit has no Wald interval), ",
      "which do not count."),
    "", markdown_table(c("interval", "sd (Intercept)", "sd x", "correlation", "sigma",
      "(Intercept)", "x"), rows))
}

section <- function(rows, large, found) {
  c(
    "## Profiles and intervals", "",
    paste0("Wall time of whole calls, medians of interleaved runs (`bench/intervals.R`). Bold: ",
      "meets its target. Differences of the limits of `confint()` are the largest over all ",
      "parameters, in the parameter's unit and as a part of the interval's width; for them lme4's ",
      "fit had a tight tolerance."), "",
    markdown_table(c("", "lme4 / rlmm, profile()", "confint()", "target", "rlmm, s, profile()",
      "lme4, s, profile()", "rlmm, s, confint()", "lme4, s, confint()", "difference of limits",
      "part of the width"), rows), "",
    paste0("InstEval, 73,421 rows, `y ~ service + (1 | s) + (1 | d)`: `profile()` of all ",
      "parameters ", number(large[["profile"]]), " s, `confint()` ", number(large[["confint"]]),
      " s (target 120)."),
    if (!is.null(found)) coverage_section(found),
    "", machine_facts()
  )
}

single_blas_thread()
options <- command_options(runs = 3, coverage = 1000)
rows <- lapply(names(models), compare, runs = options$runs)
large <- large_fit()
found <- if (options$coverage > 0) coverage(options$coverage)
report("intervals", section(rows, large, found), options$write,
  options$runs >= 3 && options$coverage >= 1000)
