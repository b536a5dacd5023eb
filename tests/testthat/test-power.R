# power_sim(): power where it is known, designs of other sizes, and how results are told.

two_arms <- function(groups = 16, each = 5) {
  d <- expand.grid(row = seq_len(each), g = factor(seq_len(groups)))
  d$arm <- as.numeric(d$g) %% 2
  set.seed(1)
  d$y <- rnorm(groups, 0, 2)[d$g] + rnorm(nrow(d))
  d
}

params <- function(effect) list(beta = c(0, effect), theta = 2, sigma = 1)

test_that("power is that of the t test on group means, where that is exact", {
  d <- two_arms()
  fit <- rlmm(y ~ arm + (1 | g), d)
  p <- power_sim(fit, "arm", sizes = list(g = c(8, 16, 32)), effect = c(0, 2), nsim = 2000,
    newparams = params(0), seed = 3)
  expect_equal(p$rows, rep(c(40, 80, 160), 2))
  sd <- sqrt(4 + 1 / 5)
  for (i in 1:6) {
    exact <- if (p$effect[i] == 0) 0.05 else {
      power.t.test(n = p$g[i] / 2, delta = 2, sd = sd, strict = TRUE)$power
    }
    expect_lt(abs(p$power[i] - exact), 4 * sqrt(exact * (1 - exact) / 2000))
  }
  expect_equal(p$estimate, p$effect, tolerance = 0.1)
  expect_equal(p$sd, sd * sqrt(4 / p$g), tolerance = 0.06)
  expect_equal(p$se, sqrt(p$power * (1 - p$power) / 2000))
  limits <- binom.test(round(2000 * p$power[5]), 2000)$conf.int
  expect_equal(c(p$lower[5], p$upper[5]), limits[1:2])
})

test_that("each test is that of the fits of the same samples", {
  fit <- our_fit("slope")
  run <- function(test) power_sim(fit, "Days", effect = 3, nsim = 40, test = test, seed = 5)
  design <- fit
  design$beta[["Days"]] <- 3
  y <- bootMer(design, function(m) model.frame(m)[[1]], nsim = 40, seed = 5)$t
  fits <- lapply(1:40, function(i) suppressMessages(refit(fit, y[i, ])))
  tables <- lapply(fits, function(m) coef(summary(m)))
  expect_equal(run("t")$power, mean(vapply(tables, function(t) t["Days", "Pr(>|t|)"] < 0.05, NA)))
  expect_equal(run("z")$power,
    mean(vapply(tables, function(t) abs(t["Days", "t value"]) > qnorm(0.975), NA)))
  null <- rlmm(Reaction ~ 1 + (Days | Subject), sleepstudy, REML = FALSE)
  lr <- vapply(1:40, function(i) {
    gain <- deviance(suppressMessages(refit(null, y[i, ]))) -
      deviance(suppressMessages(refitML(fits[[i]])))
    gain > qchisq(0.95, 1)
  }, NA)
  expect_equal(run("lr")$power, mean(lr))
  expect_equal(run("t")$estimate, mean(vapply(fits, function(m) fixef(m)[["Days"]], 0)),
    tolerance = 1e-6)
  expect_equal(run("t")$singular, sum(vapply(fits, isSingular, NA)))
})

test_that("several effects are tested together by likelihood ratios", {
  fit <- our_fit("cake")
  terms <- c("recipeB", "recipeC")
  p <- power_sim(fit, terms, nsim = 30, test = "lr", seed = 1)
  expect_false(any(c("effect", "estimate", "sd") %in% names(p)))
  expect_rlmm_error(power_sim(fit, terms, nsim = 3), "bad_argument", "lr")
  expect_rlmm_error(power_sim(fit, terms, nsim = 3, test = "lr", effect = 1), "bad_argument")
})

test_that("designs repeat groups with what is nested in them", {
  model <- power_model(our_fit("pastes"), NULL, NULL, NULL, NULL, globalenv())
  design <- resized(model, list(batch = 25), 1)
  groups <- lapply(design$random, `[[`, "codes")
  names(groups) <- vapply(design$random, `[[`, "", "group")
  expect_equal(length(design$y), 150)
  expect_equal(max(groups$batch), 25)
  expect_equal(max(groups[["cask:batch"]]), 75)
  expect_true(all(table(groups[["cask:batch"]]) == 2))
  expect_equal(length(unique(paste(groups$batch, groups[["cask:batch"]]))), 75)
  expect_equal(max(resized(model, list(batch = 4), 1)$random[[1]]$codes), 12)

  crossed <- power_model(our_fit("penicillin"), NULL, NULL, NULL, NULL, globalenv())
  design <- resized(crossed, list(plate = 36, sample = 9), 2)
  tables <- table(design$random[[1]]$codes, design$random[[2]]$codes)
  expect_equal(dim(tables), c(36, 9))
  expect_true(all(tables == 2))

  weighted <- power_model(our_fit("weighted"), NULL, NULL, NULL, NULL, globalenv())
  design <- resized(weighted, list(Subject = 20), 1)
  expect_equal(design$weights, method_data()$w[c(1:180, 1:20)])
  expect_equal(design$X[181:200, 2], weighted$X[1:20, 2])
})

test_that("a design without a fit will do", {
  d <- two_arms()
  fit <- rlmm(y ~ arm + (1 | g), d)
  by_fit <- power_sim(fit, "arm", list(g = 12), effect = 1:2, newparams = params(0), nsim = 50,
    seed = 2)
  by_formula <- power_sim(~ arm + (1 | g), "arm", list(g = 12), effect = 1:2, newdata = d,
    newparams = params(0), nsim = 50, seed = 2)
  columns <- names(by_fit)
  expect_equal(as.list(by_formula)[columns], as.list(by_fit)[columns], tolerance = 1e-6)
  expect_rlmm_error(power_sim(~ arm + (1 | g), "arm", newdata = d), "newparams")
  expect_rlmm_error(power_sim(~ arm + (1 | g), "arm"), "newdata")
  expect_rlmm_error(power_sim(1, "arm"), "no_method")
})

test_that("results depend on the seed alone", {
  fit <- our_fit("slope")
  run <- function(threads = 1, ...) {
    fit$control <- rlmm_control(threads = threads)
    power_sim(fit, "Days", list(Subject = c(6, 12)), effect = 4, nsim = 60, ...)
  }
  expect_identical(run(1, seed = 1)$power, run(4, seed = 1)$power)
  set.seed(4)
  first <- run()
  set.seed(4)
  expect_identical(run()$estimate, first$estimate)
  expect_false(identical(run(seed = 2)$estimate, run(seed = 1)$estimate))
})

test_that("wrong arguments and impossible designs are told", {
  fit <- our_fit("slope")
  expect_rlmm_error(power_sim(fit, "days"), "unknown_name", "'days'", "Days")
  expect_rlmm_error(power_sim(fit, "Days", list(subject = 3)), "unknown_name", "Subject")
  expect_rlmm_error(power_sim(fit, "Days", list(Subject = 1)), "one_level")
  expect_rlmm_error(power_sim(fit, "Days", list(Subject = 0)), "bad_argument")
  expect_rlmm_error(power_sim(fit, "Days", each = 0.5), "bad_argument")
  expect_rlmm_error(power_sim(fit, "Days", effect = NA), "bad_argument")
  expect_rlmm_error(power_sim(fit, "Days", alpha = 2), "bad_argument")
  expect_rlmm_error(power_sim(fit, "Days", test = "F"), "bad_argument")
  d <- two_arms()
  d$late <- as.numeric(d$g %in% 15:16)
  late <- rlmm(y ~ late + (1 | g), d)
  expect_rlmm_error(power_sim(late, "late", list(g = 8), nsim = 5), "rank_deficient", "'late'",
    "redundant")
})

test_that("an interrupt returns what is complete", {
  skip_on_os("windows")
  skip_if_not(installed())
  out <- run_in_new_session(c(
    "suppressMessages(library(rlmm))",
    "fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)",
    "report <- function(done) { calls <<- calls + 1",
    "  if (calls == 4) { tools::pskill(Sys.getpid(), tools::SIGINT); Sys.sleep(5) } }",
    "calls <- 0",
    "assignInNamespace('progress_reporter', function(...) report, 'rlmm')",
    "p <- withCallingHandlers(power_sim(fit, 'Days', effect = 1:4, nsim = 400, seed = 1),",
    "  rlmm_bootstrap = function(w) { cat(conditionMessage(w), '\\n')",
    "  invokeRestart('muffleWarning') })", "cat(nrow(p), p$simulations, '\\n')"
  ))
  expect_match(out[1], "interrupted after [12] of 4 combinations")
  facts <- as.integer(strsplit(trimws(out[2]), " ")[[1]])
  expect_equal(length(facts), facts[1] + 1)
  expect_lt(sum(facts[-1]), 1600)
})

test_that("print and plot", {
  fit <- our_fit("slope")
  p <- power_sim(fit, "Days", list(Subject = c(6, 12)), effect = c(2, 5), each = 1:2, nsim = 20,
    seed = 1)
  expect_equal(nrow(p), 8)
  expect_output(print(p), "Satterthwaite.*20 simulations each, seed 1")
  expect_s3_class(plot(p), "trellis")
  expect_s3_class(plot(power_sim(fit, "Days", nsim = 10, seed = 1)), "trellis")
  expect_equal(names(as.data.frame(p))[1:3], c("Subject", "each", "effect"))
})
