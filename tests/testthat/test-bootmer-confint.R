# Intervals from bootstrap samples: those of the boot package, and two kinds more.

sleep_boot <- function() {
  if (is.null(shared$sleep_boot)) {
    shared$sleep_boot <- bootMer(our_fit("slope"), nsim = 999, seed = 7)
  }
  shared$sleep_boot
}

test_that("percentile, basic and normal intervals are boot.ci()'s", {
  skip_if_not_installed("boot")
  b <- sleep_boot()
  for (level in c(0.95, 0.8)) {
    for (type in c("perc", "basic", "norm")) {
      found <- confint(b, level = level, type = type)
      for (k in 1:6) {
        theirs <- boot::boot.ci(b, conf = level, type = type, index = k)[[4]]
        expect_equal(unname(found[k, ]), rev(rev(theirs)[1:2]), tolerance = 1e-10)
      }
    }
  }
  expect_output(print(boot::boot.ci(b, type = "perc", index = 1)), "Percentile")
})

test_that("lme4's method for its own objects gives the same limits for ours", {
  skip_if_not_installed("lme4")
  skip_if_not_installed("boot")
  b <- sleep_boot()
  theirs <- utils::getFromNamespace("confint.bootMer", "lme4")(b, type = "perc")
  expect_equal(confint(b, type = "perc"), theirs, tolerance = 1e-10)
})

test_that("bca intervals are those of boot.ci() with the same acceleration", {
  skip_if_not_installed("boot")
  b <- sleep_boot()
  found <- confint(b, type = "bca")
  task <- list(fit = b$fit, labels = names(b$t0), seed = b$seed,
    cases = case_plan(b$fit, "Subject", "groups"))
  left <- jackknife_statistic(task, NULL)
  for (j in c(1, 18)) {
    d <- subset(sleepstudy, Subject != levels(Subject)[j])
    one <- rlmm(Reaction ~ Days + (Days | Subject), d)
    expect_equal(left[j, 5:6], unname(fixef(one)), tolerance = 1e-7, ignore_attr = TRUE)
    expect_equal(left[j, 1], as.data.frame(VarCorr(one))$sdcor[1], tolerance = 1e-5,
      ignore_attr = TRUE)
  }
  for (k in 1:6) {
    L <- mean(left[, k]) - left[, k]
    theirs <- boot::boot.ci(b, type = "bca", index = k, L = L)$bca[4:5]
    expect_equal(unname(found[k, ]), theirs, tolerance = 1e-10)
  }
  by_fun <- bootMer(our_fit("slope"), fixef, nsim = 999, seed = 7)
  expect_equal(confint(by_fun, type = "bca"), found[5:6, ], tolerance = 1e-6)
})

test_that("the shortest interval is the shortest that holds so many samples", {
  b <- sleep_boot()
  found <- confint(b, type = "shortest", level = 0.9)
  for (k in 1:6) {
    t <- sort(b$t[, k])
    width <- t[900:999] - t[1:100]
    expect_equal(unname(diff(found[k, ])), min(width))
    expect_equal(mean(t >= found[k, 1] & t <= found[k, 2]), 900 / 999)
  }
  perc <- confint(b, type = "perc", level = 0.9)
  expect_true(all(found[, 2] - found[, 1] <= perc[, 2] - perc[, 1]))
})

test_that("parameters are chosen by name, number or kind, and named in both styles", {
  b <- sleep_boot()
  all <- confint(b)
  expect_equal(rownames(all), c("sd_(Intercept)|Subject", "sd_Days|Subject",
    "cor_Days.(Intercept)|Subject", "sigma", "(Intercept)", "Days"))
  expect_equal(rownames(confint(b, oldNames = TRUE)), c(".sig01", ".sig02", ".sig03", ".sigma",
    "(Intercept)", "Days"))
  expect_equal(colnames(all), c("2.5 %", "97.5 %"))
  expect_equal(confint(b, "Days"), all[6, , drop = FALSE])
  expect_equal(confint(b, c(6, 1)), all[c(1, 6), ])
  expect_equal(confint(b, "theta_"), all[1:4, ])
  expect_equal(confint(b, "beta_"), all[5:6, ])
  expect_equal(confint(b, c(".sig02", "sigma")), all[c(2, 4), ])
  expect_rlmm_error(confint(b, "x"), "unknown_name", "'x'", "sd_Days|Subject")
  fixed <- bootMer(our_fit("slope"), fixef, nsim = 50, seed = 1)
  expect_rlmm_error(confint(fixed, "x"), "unknown_name", "'x'", "'Days'")
  expect_equal(rownames(confint(fixed, c("Days", "(Intercept)"))), c("Days", "(Intercept)"))
  expect_rlmm_error(confint(b, 9), "unknown_name")
  expect_rlmm_error(confint(b, level = 2), "bad_argument")
  expect_rlmm_error(confint(b, type = "stud"), "bad_argument")
  unnamed <- bootMer(our_fit("slope"), function(m) unname(fixef(m)), nsim = 50, seed = 1)
  expect_equal(rownames(confint(unnamed)), c("t1", "t2"))
  expect_equal(rownames(confint(unnamed, "t2")), "t2")
})

test_that("what is missing is told, not hidden", {
  set.seed(2)
  fit <- suppressMessages(rlmm(y ~ Days + (Days | Subject),
    transform(sleepstudy, y = Days + rnorm(180))))
  b <- bootMer(fit, nsim = 60, seed = 1)
  expect_message(found <- confint(b), "do not count: .* of 60 for cor_Days",
    class = "rlmm_bootstrap")
  finite <- b$t[is.finite(b$t[, 3]), 3]
  expect_equal(unname(found[3, ]), normal_quantiles(finite, c(0.025, 0.975)))
  expect_true(all(found[1, ] >= 0))

  few <- bootMer(our_fit("slope"), nsim = 20, seed = 1)
  expect_warning(confint(few), "too few", class = "rlmm_bootstrap")
  expect_silent(confint(few, level = 0.8))

  shifted <- few
  shifted$t[, 6] <- shifted$t0[[6]] + 1:20
  shifted$R <- 1000L
  expect_warning(found <- confint(shifted, type = "bca"), "no interval for 'Days'.*one side")
  expect_equal(unname(is.na(found[, 1])), c(FALSE, FALSE, FALSE, FALSE, FALSE, TRUE))
})

test_that("the cluster of the jackknife can be chosen", {
  fit <- our_fit("penicillin")
  b <- bootMer(fit, nsim = 200, seed = 1)
  by_sample <- confint(b, type = "bca")
  by_plate <- confint(b, type = "bca", cluster = "plate")
  expect_equal(confint(b, type = "bca", cluster = "sample"), by_sample)
  expect_false(isTRUE(all.equal(by_plate, by_sample)))
})
