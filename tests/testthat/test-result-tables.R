test_that("the tables have pymer4's numbers", {
  tables <- result_tables(our_fit("slope"))
  expect_equal(tables$params$term, c("(Intercept)", "Days"))
  expect_equal(tables$params$estimate, c(251.405105, 10.467286), tolerance = 1e-7)
  expect_equal(names(tables$result_fit),
    c("term", "estimate", "conf_low", "conf_high", "std_error", "t_stat", "df", "p_value"))
  expect_equal(tables$result_fit$df, c(17, 17), tolerance = 1e-4)
  expect_equal(tables$ranef_var$term,
    c("sd__(Intercept)", "cor__(Intercept).Days", "sd__Days", "sd__Observation"))
  expect_equal(tables$ranef_var$estimate, c(24.741, 0.066, 5.922, 25.592), tolerance = 5e-3)
  expect_equal(tables$result_fit_stats$AICc, 1756.113821, tolerance = 1e-6)
  expect_equal(tables$result_anova$F_ratio, 45.853, tolerance = 1e-4)
  expect_true(tables$convergence_status$converged)
  expect_lt(tables$convergence_status$gradient, 1e-4)
  expect_equal(nrow(tables$logs), 0)

  # the tutorial's intercept of subject 308, fixed and random together
  intercepts <- result_tables(rlmm(Reaction ~ Days + (1 | Subject), sleepstudy))
  expect_equal(intercepts$fixef$Subject$`(Intercept)`[1], 292.188815, tolerance = 1e-6)
  expect_equal(intercepts$ranef$Subject$`(Intercept)`[1:2], c(40.78371, -77.849554),
    tolerance = 1e-6)
  expect_equal(intercepts$fixef$Subject$level[1], "308")
})

test_that("intervals are those that were asked for", {
  fit <- our_fit("slope")
  profiled <- result_tables(fit, "profile", level = 0.9)
  limits <- confint(fit, level = 0.9, oldNames = FALSE)
  expect_equal(profiled$ranef_var$conf_low[4], limits["sigma", 1])
  expect_equal(profiled$result_fit$conf_high[2], limits["Days", 2])
  set.seed(1)
  booted <- result_tables(fit, "boot", nsim = 50)
  expect_true(all(booted$ranef_var$conf_low < booted$ranef_var$estimate))
  expect_rlmm_error(result_tables(fit, "bayes"), "bad_argument", "Wald")
})

test_that("what was said, and several grouping factors", {
  tables <- result_tables(our_fit("deficient"))
  expect_match(tables$logs$text, "Days2", all = FALSE)
  expect_named(result_tables(our_fit("three"))$ranef, c("Subject", "h"))
  expect_output(print(tables), "result_anova")
  expect_error(result_tables(1), class = "rlmm_no_method")
})

test_that("of every model they have the numbers of lmer's fit", {
  skip_if_not_installed("lme4")
  for (name in names(interop_models)) {
    fits <- interop_fits(name)
    tables <- suppressMessages(result_tables(fits$ours))
    expect_equal(tables$params$estimate, lme4::fixef(fits$theirs), tolerance = 1e-4,
      ignore_attr = TRUE, label = name)
    theirs <- as.data.frame(lme4::VarCorr(fits$theirs))$sdcor
    expect_equal(sort(tables$ranef_var$estimate), sort(theirs), tolerance = 1e-4, label = name)
    expect_equal(tables$result_fit_stats$logLik, as.numeric(logLik(fits$theirs)), label = name)
    theirs <- coef(fits$theirs)
    for (factor in names(tables$fixef)) {
      expect_equal(as.matrix(tables$fixef[[factor]][-1L]), as.matrix(theirs[[factor]]),
        tolerance = 1e-3, ignore_attr = TRUE, label = paste(name, factor))
    }
  }
})
