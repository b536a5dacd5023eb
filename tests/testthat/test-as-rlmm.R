test_that("a fit made again is the fit of rlmm()", {
  skip_if_not_installed("lme4")
  for (name in names(interop_models)) {
    fits <- interop_fits(name)
    again <- suppressMessages(as_rlmm(fits$theirs))
    for (part in c("theta", "beta", "sigma", "criterion")) {
      expect_equal(again[[part]], fits$ours[[part]], tolerance = 1e-6, label = paste(name, part))
    }
    expect_true(optinfo(again)$certificate$certified)
    expect_equal(fitted(again), fitted(fits$ours), tolerance = 1e-6)
    expect_equal(original_data(again), original_data(fits$ours), ignore_attr = TRUE)
    expect_equal(logLik(again), logLik(fits$ours))
  }
})

test_that("estimates are adopted, and their certificate tells", {
  skip_if_not_installed("lme4")
  theirs <- interop_fits("slope")$theirs
  adopted <- as_rlmm(theirs, refit = FALSE)
  expect_equal(adopted$theta, unname(lme4::getME(theirs, "theta")))
  expect_equal(fixef(adopted), lme4::fixef(theirs), tolerance = 1e-10)
  expect_equal(adopted$criterion, lme4::REMLcrit(theirs), tolerance = 1e-10)
  bad <- suppressWarnings(lme4::lmer(Reaction ~ Days + (Days | Subject), sleepstudy,
    control = lme4::lmerControl(optCtrl = list(maxeval = 3), calc.derivs = FALSE,
      check.conv.singular = "ignore")))
  expect_warning(adopted <- as_rlmm(bad, refit = FALSE), class = "rlmm_not_certified")
  expect_equal(adopted$theta, unname(lme4::getME(bad, "theta")))
  expect_gt(optinfo(adopted)$certificate$decrement, 1e-3)
  expect_equal(as_rlmm(bad)$theta, our_fit("slope")$theta, tolerance = 1e-5)
})

test_that("there and back again", {
  skip_if_not_installed("lme4")
  d <- method_data()
  d$z[3] <- NA
  fit <- rlmm(log(Reaction) ~ poly(Days, 2) + scale(z) + (1 | Subject) + (0 + Days | Subject), d,
    weights = w, na.action = na.exclude, REML = FALSE)
  back <- as_rlmm(as_merMod(fit))
  for (part in c("theta", "beta", "sigma")) {
    expect_equal(back[[part]], fit[[part]], tolerance = 1e-6)
  }
  expect_equal(residuals(back), residuals(fit), tolerance = 1e-6)
  new <- d[c(1, 5), ]
  expect_equal(predict(back, new), predict(fit, new), tolerance = 1e-6)
  expect_identical(as_rlmm(fit), fit)
})

test_that("what has no counterpart is an error", {
  skip_if_not_installed("lme4")
  binomial <- lme4::glmer(cbind(incidence, size - incidence) ~ 1 + (1 | herd), lme4::cbpp,
    family = binomial)
  expect_rlmm_error(as_rlmm(binomial), "no_counterpart", "glmerMod")
  expect_rlmm_error(as_rlmm(lm(Reaction ~ 1, sleepstudy)), "no_counterpart", "lm")
})

test_that("(f || g) with a factor is what lme4 made of it", {
  skip_if_not_installed("lme4")
  d <- method_data()
  theirs <- suppressWarnings(suppressMessages(lme4::lmer(y ~ Days + (h || Subject), d)))
  adopted <- suppressMessages(suppressWarnings(as_rlmm(theirs, refit = FALSE)))
  expect_equal(adopted$criterion, lme4::REMLcrit(theirs), tolerance = 1e-8)
  expect_equal(lengths(lapply(adopted$random, `[[`, "columns")), c(1L, 6L))
})
