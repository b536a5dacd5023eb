# Tests of the fixed effects: agreement with lmerTest and pbkrtest and time against them, and type I
# error of each method in simulated small designs.
#
#   Rscript bench/tests.R [parts=agreement,large,size,large_samples] [nsim=2000] [runs=3] [lib=.lib]
#
# from the top of the project. Ends with status 1 if a target is missed.

source("bench/common.R")
single_blas_thread()
options <- command_options(parts = c("agreement", "large", "size", "large_samples"), nsim = 2000,
  runs = 3)

# The median of some runs, each enough calls for the clock to see.
time_of <- function(fun, runs) {
  once <- seconds_of(fun())
  calls <- batch_size(once)
  runs <- if (once > 10) 1L else runs
  stats::median(replicate(runs, seconds_of(for (i in seq_len(calls)) fun()) / calls))
}

tight <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9),
  calc.derivs = FALSE)

# ---- agreement -------------------------------------------------------------------------------

unordered <- function(x) if (is.factor(x)) factor(x, ordered = FALSE) else x

data_of <- function(name, package) {
  d <- as.data.frame(get(utils::data(list = name, package = package, envir = environment())))
  groups <- intersect(names(d), c("Worker", "Block"))
  d[groups] <- lapply(d[groups], unordered)
  d
}

# 3,000 rows of two crossed factors, one with slopes.
three_thousand <- function() {
  n <- 3000
  d <- data.frame(a = factor(sample(60, n, TRUE)), b = factor(sample(25, n, TRUE)), x = rnorm(n))
  d$t <- rbinom(60, 1, 0.5)[d$a]
  d$y <- rnorm(n) + rnorm(60)[d$a] + rnorm(25)[d$b] + d$x * rnorm(60, 0, 0.5)[d$a]
  d
}

agreement_cases <- list(
  sleepstudy = list(Reaction ~ Days + (Days | Subject), "sleepstudy", "lme4"),
  cake = list(angle ~ recipe * temperature + (1 | recipe:replicate), "cake", "lme4"),
  Penicillin = list(diameter ~ 1 + (1 | plate) + (1 | sample), "Penicillin", "lme4"),
  dietox = list(Weight ~ Time * Cu + (Time | Pig), "dietox", "rlmm"),
  Machines = list(score ~ Machine + (1 | Worker / Machine), "Machines", "nlme"),
  Oats = list(yield ~ nitro * Variety + (1 | Block / Variety), "Oats", "nlme"),
  Pastes = list(strength ~ cask + (1 | batch / cask), "Pastes", "lme4"),
  "3,000 rows" = list(y ~ x * t + (x | a) + (1 | b), three_thousand)
)

relative <- function(ours, theirs) max(abs(ours / theirs - 1))

agreement_row <- function(name, runs) {
  message(format(Sys.time(), "%H:%M:%S"), " ", name)
  case <- agreement_cases[[name]]
  d <- if (is.function(case[[2L]])) case[[2L]]() else data_of(case[[2L]], case[[3L]])
  ours <- rlmm(case[[1L]], d)
  theirs <- quietly(eval(bquote(lmerTest::lmer(.(case[[1L]]), d, control = tight))))
  L <- diag(length(fixef(ours)))
  adjusted <- NULL
  kr_time <- seconds_of(adjusted <- pbkrtest::vcovAdj(theirs))
  kr <- apply(L, 1L, pbkrtest::Lb_ddf, V0 = as.matrix(vcov(theirs)), Vadj = adjusted)
  tables <- lapply(c("Satterthwaite", "Kenward-Roger"), function(ddf) coef(summary(ours, ddf = ddf)))
  list(name = name, rows = nrow(d),
    satterthwaite = relative(tables[[1L]][, "df"], coef(summary(theirs))[, "df"]),
    kr = relative(tables[[2L]][, "df"], kr),
    kr_se = relative(tables[[2L]][, "Std. Error"], sqrt(diag(as.matrix(adjusted)))),
    ours = time_of(function() summary(ours), runs),
    theirs = time_of(function() quietly(summary(lmerTest::lmer(case[[1L]], d))), runs) -
      time_of(function() quietly(lme4::lmer(case[[1L]], d)), runs),
    ours_kr = time_of(function() summary(ours, ddf = "Kenward-Roger"), runs), theirs_kr = kr_time)
}

agreement_lines <- function(rows) {
  cells <- lapply(rows, function(r) {
    c(r$name, r$rows, vapply(r[c("satterthwaite", "kr", "kr_se")], formatC, "", format = "e",
      digits = 0), number(1000 * r$ours), number(1000 * r$theirs), number(1000 * r$ours_kr),
    number(1000 * r$theirs_kr), number(r$theirs / r$ours), number(r$theirs_kr / r$ours_kr))
  })
  c("### Agreement with lmerTest and pbkrtest", "",
    paste("Largest relative difference of the degrees of freedom of all coefficients, and of",
      "Kenward-Roger standard errors; lmer at a tight optimum. Milliseconds of `summary()` of a",
      "fit; lmerTest's is what its `lmer()` and summary take beyond lme4's `lmer()`, pbkrtest's",
      "that of `vcovAdj()` alone."), "",
    markdown_table(c("", "rows", "Satterthwaite df", "KR df", "KR standard errors",
      "rlmm, ms", "lmerTest, ms", "rlmm KR, ms", "pbkrtest, ms", "lmerTest / rlmm",
      "pbkrtest / rlmm"), cells), "")
}

# Targets: 1e-3 of lmerTest, 1e-4 of pbkrtest.
agreement_missed <- function(rows) {
  missed <- Filter(function(r) r$satterthwaite > 1e-3 || max(r$kr, r$kr_se) > 1e-4, rows)
  vapply(missed, `[[`, "", "name")
}

# ---- large designs ---------------------------------------------------------------------------

nested_45000 <- function() {
  d <- expand.grid(pupil = 1:5, class = 1:9, school = 1:1000)
  d$class <- factor(paste(d$school, d$class))
  d$school <- factor(d$school)
  d$x <- rnorm(45000)
  d$t <- rbinom(1000, 1, 0.5)[d$school]
  d$y <- d$x + rnorm(1000)[d$school] + rnorm(9000)[d$class] +
    d$x * rnorm(1000, 0, 0.3)[d$school] + rnorm(45000)
  d
}

# Seconds and bytes of the Kenward-Roger summary of a fit, in a process that has done little else:
# memory that was freed before would not be seen.
nested_kenward_roger <- function() {
  fit <- rlmm(y ~ x * t + (x | school) + (1 | class), nested_45000())
  gc(FALSE)
  base <- reset_peak()
  seconds <- seconds_of(summary(fit, ddf = "Kenward-Roger"))
  c(seconds = seconds, peak = process_status("VmHWM") - base)
}

large_lines <- function(runs) {
  message(format(Sys.time(), "%H:%M:%S"), " large")
  nested <- nested_kenward_roger()
  d <- lme4::InstEval
  formula <- y ~ service + (1 | s) + (1 | d)
  both <- list(
    rlmm = function() summary(rlmm(formula, d)),
    lmerTest = function() summary(lmerTest::lmer(formula, d)))
  tables <- list()
  times <- replicate(runs, vapply(names(both), function(name) {
    seconds_of(tables[[name]] <<- coef(quietly(both[[name]]())))
  }, 0))
  insteval <- apply(times, 1L, stats::median)
  fit <- rlmm(formula, d)
  kr <- seconds_of(summary(fit, ddf = "Kenward-Roger"))
  list(ratio = insteval[["lmerTest"]] / insteval[["rlmm"]], nested = nested,
    lines = c("### Large designs", "",
      sprintf(paste("InstEval, `%s`, fit and Satterthwaite summary: rlmm %s s, lmerTest %s s,",
        "**ratio %s** (target 20); largest relative difference of df %.0e. Kenward-Roger summary of",
        "the fit: %s s."), deparse(formula), number(insteval[["rlmm"]]),
      number(insteval[["lmerTest"]]), number(insteval[["lmerTest"]] / insteval[["rlmm"]]),
      relative(tables$rlmm[, "df"], tables$lmerTest[, "df"]), number(kr)), "",
      sprintf(paste("Nested design of 45,000 rows, 1,000 schools with slopes and 9,000 classes:",
        "Kenward-Roger summary of the fit in %s s with %s MB."), number(nested[["seconds"]]),
      megabytes(nested[["peak"]])), ""))
}

# ---- size of the tests -----------------------------------------------------------------------

# Small designs: the whole model, the hypotheses by name as terms left out, and the true standard
# deviations of the terms. The response is noise under all hypotheses.
designs <- function() {
  intercept <- expand.grid(rep = 1:5, g = factor(1:8))
  intercept <- intercept[-sample(nrow(intercept), 6), ]
  intercept$between <- rnorm(8)[intercept$g]
  intercept$within <- rnorm(nrow(intercept))
  slope <- expand.grid(time = 0:5, g = factor(1:10))
  slope <- slope[-sample(nrow(slope), 8), ]
  slope$arm <- factor(rep(1:2, 5))[slope$g]
  plots <- expand.grid(block = factor(1:4), whole = factor(1:3), sub = factor(1:3))
  plots$plot <- interaction(plots$block, plots$whole, drop = TRUE)
  plots <- plots[-sample(nrow(plots), 4), ]
  crossed <- expand.grid(s = factor(1:10), i = factor(1:8))
  crossed$group <- factor(rep(1:2, 5))[crossed$s]
  crossed$kind <- factor(rep(1:4, 2))[crossed$i]
  crossed <- crossed[-sample(nrow(crossed), 15), ]
  list(
    "8 groups, 34 rows" = list(data = intercept, full = y ~ between + within + (1 | g),
      tests = c("between", "within"), theta = 0.7),
    "10 subjects with slopes, 52 rows" = list(data = slope, full = y ~ time * arm + (time | g),
      tests = "time:arm", theta = c(0.8, 0.1, 0.4)),
    "split plots, 32 rows" = list(data = plots, full = y ~ whole * sub + (1 | block) + (1 | plot),
      tests = c("whole:sub"), theta = c(0.8, 0.8)),
    "split plots, main effect" = list(data = plots, full = y ~ whole + sub + (1 | block) +
      (1 | plot), tests = "whole", theta = c(0.8, 0.8)),
    "10 subjects by 8 items, 65 rows" = list(data = crossed, full = y ~ group + kind + (1 | s) +
      (1 | i), tests = c("group", "kind"), theta = c(0.8, 0.8))
  )
}

methods <- c("Satterthwaite", "Kenward-Roger", "Wald (chi-squared)", "likelihood ratio", "CR2")

# P values of all methods, in rows, for one response.
p_values <- function(fits, y, tests, robust) {
  full <- quietly(refit(fits$full, y))
  F_tests <- function(...) quietly(contest(full, fits$hypotheses, ...))
  wald <- F_tests(ddf = "none")
  ml <- quietly(refit(fits$ml, y))
  lr <- vapply(tests, function(test) {
    small <- quietly(refit(fits$small[[test]], y))
    statistic <- 2 * as.numeric(logLik(ml) - logLik(small))
    stats::pchisq(statistic, attr(logLik(ml), "df") - attr(logLik(small), "df"),
      lower.tail = FALSE)
  }, 0)
  rbind(F_tests()[["Pr(>F)"]], F_tests(ddf = "Kenward-Roger")[["Pr(>F)"]],
    stats::pchisq(wald[["F value"]] * wald$NumDF, wald$NumDF, lower.tail = FALSE), lr,
    if (robust) F_tests(vcov = "CR2")[["Pr(>F)"]] else NA)
}

# In processes of their own on all cores; stops at the first error.
on_cores <- function(x, fun) {
  cores <- if (.Platform$OS.type == "unix") parallel::detectCores() else 1L
  found <- quietly(parallel::mclapply(x, fun, mc.cores = cores))
  failed <- vapply(found, inherits, NA, "try-error")
  if (any(failed)) stop(found[[which(failed)[1L]]], call. = FALSE)
  found
}

simulate_design <- function(design, nsim) {
  d <- design$data
  d$y <- rnorm(nrow(d))
  full <- quietly(rlmm(design$full, d))
  response <- simulate_lmm(design$full, d, list(theta = design$theta, sigma = 1,
    beta = numeric(length(fixef(full)))), nsim = nsim)
  start <- quietly(refit(full, response[[1L]]))
  fits <- list(full = start, ml = quietly(refitML(start)),
    hypotheses = show_tests(drop1(start, design$tests, test = "F"))[design$tests])
  fits$small <- lapply(stats::setNames(nm = design$tests), function(test) {
    formula <- stats::update.formula(design$full, paste(". ~ . -", test))
    d$y <- response[[1L]]
    quietly(rlmm(formula, d, REML = FALSE))
  })
  robust <- length(unique(vapply(start$random, `[[`, "", "group"))) == 1L
  found <- on_cores(response, function(y) p_values(fits, y, design$tests, robust))
  found <- array(unlist(found), c(length(methods), length(design$tests), nsim))
  dimnames(found) <- list(methods, design$tests, NULL)
  found
}

# Rejections in percent with their Monte Carlo standard error; no p value is no rejection.
rate_cell <- function(p) {
  if (all(is.na(p))) return("")
  rate <- mean(!is.na(p) & p < 0.05)
  paste0(sprintf("%.1f (%.1f)", 100 * rate, 100 * sqrt(rate * (1 - rate) / length(p))),
    if (anyNA(p)) paste(",", sum(is.na(p)), "without"))
}

uniform_cell <- function(p) {
  p <- p[!is.na(p)]
  sprintf("%.3f", suppressWarnings(stats::ks.test(p, "punif"))$statistic)
}

size_lines <- function(nsim) {
  all <- lapply(names(designs_used <- designs()), function(name) {
    message(format(Sys.time(), "%H:%M:%S"), " ", name)
    simulate_design(designs_used[[name]], nsim)
  })
  names(all) <- names(designs_used)
  cells <- unlist(lapply(names(all), function(name) {
    found <- all[[name]]
    lapply(dimnames(found)[[2L]], function(test) {
      c(paste0(name, ": `", test, "`"), apply(found[, test, ], 1L, rate_cell),
        uniform_cell(found["Satterthwaite", test, ]), uniform_cell(found["Kenward-Roger", test, ]))
    })
  }), recursive = FALSE)
  c(sprintf("### Type I error in small designs, %s simulated responses each",
    format(nsim, big.mark = ",")), "",
  paste("Percent of true hypotheses that are rejected at 5 %, with the Monte Carlo standard error",
    "in parentheses; unbalanced designs, REML (likelihood ratio: maximum likelihood); CR2 where",
    "there is one grouping factor. A p value that a method does not give counts as no rejection",
    "(\"without\"). In the last two columns, the largest distance between the",
    "distribution of the p values and the uniform one",
    sprintf("(5 %% critical value of Kolmogorov and Smirnov: %.3f).", 1.358 / sqrt(nsim))), "",
  markdown_table(c("", methods, "KS Satterthwaite", "KS Kenward-Roger"), cells), "")
}

# ---- large samples ---------------------------------------------------------------------------

large_sample_row <- function(groups, nsim) {
  d <- expand.grid(rep = 1:4, g = factor(seq_len(groups)))
  d$x <- rnorm(nrow(d))
  d$f <- factor(sample(3, groups, TRUE))[d$g]
  response <- simulate_lmm(y ~ x + f + (1 | g), transform(d, y = 0),
    list(theta = 0.7, sigma = 1, beta = numeric(4)), nsim = nsim)
  L <- diag(4)[3:4, ]
  statistics <- do.call(cbind, on_cores(response, function(y) {
    d$y <- y
    fit <- quietly(rlmm(y ~ x + f + (1 | g), d))
    large <- quietly(refitML(fit))
    small <- quietly(rlmm(y ~ x + (1 | g), d, REML = FALSE))
    F <- contest(fit, L)
    c(LR = 2 * as.numeric(logLik(large) - logLik(small)),
      Wald = 2 * contest(large, L, ddf = "none")[["F value"]], F = 2 * F[["F value"]],
      p_F = F[["Pr(>F)"]])
  }))
  p <- stats::pchisq(statistics[c("LR", "Wald"), ], 2, lower.tail = FALSE)
  off <- function(a, b) number(mean(abs(a - b)))
  c(groups, off(statistics["LR", ], statistics["Wald", ]), off(statistics["LR", ], statistics["F", ]),
    off(p["LR", ], statistics["p_F", ]), off(p["Wald", ], statistics["p_F", ]))
}

large_sample_lines <- function(nsim) {
  message(format(Sys.time(), "%H:%M:%S"), " large samples")
  cells <- lapply(c(8, 32, 128, 512, 2048), large_sample_row, nsim = nsim)
  c("### Likelihood ratio, Wald and F tests in large samples", "",
    sprintf(paste("Mean absolute differences over %d responses of a true hypothesis of two contrasts",
      "between groups (of four rows each): of the statistics, and of the p values. F is 2 F of the",
      "REML fit with Satterthwaite's df."), nsim), "",
    markdown_table(c("groups", "LR and Wald", "LR and 2 F", "p of LR and F", "p of Wald and F"),
      cells), "")
}

# ---- report ----------------------------------------------------------------------------------

lines <- c("## Tests of the fixed effects", "", "Degrees of freedom, size and time (`bench/tests.R`).",
  "")
missed <- character()
# Parts are run apart, too: each has its own random numbers.
if ("agreement" %in% options$parts) {
  set.seed(20)
  rows <- lapply(names(agreement_cases), agreement_row, runs = options$runs)
  lines <- c(lines, agreement_lines(rows))
  missed <- agreement_missed(rows)
}
if ("large" %in% options$parts) {
  set.seed(21)
  large <- large_lines(options$runs)
  lines <- c(lines, large$lines)
  if (large$ratio < 20) missed <- c(missed, "InstEval")
  if (large$nested[["seconds"]] > 10 || isTRUE(large$nested[["peak"]] > 1e9)) {
    missed <- c(missed, "nested 45,000 rows")
  }
}
if ("size" %in% options$parts) {
  set.seed(22)
  lines <- c(lines, size_lines(options$nsim))
}
if ("large_samples" %in% options$parts) {
  set.seed(23)
  lines <- c(lines, large_sample_lines(200))
}
lines <- c(lines, machine_facts(), paste0("- lmerTest ", utils::packageVersion("lmerTest"),
  ", pbkrtest ", utils::packageVersion("pbkrtest")))
complete <- length(options$parts) == 4L && options$nsim >= 2000
report("tests", lines, options$write, complete)
if (length(missed)) {
  message("targets missed: ", toString(missed))
  quit(status = 1L)
}
