# step() against lmerTest, and its ends.

step_data <- function() {
  d <- rlmm::dietox
  set.seed(1)
  d$noise <- stats::rnorm(861)
  d$u <- stats::rnorm(861)
  d$h <- factor(sample(8, 861, TRUE))
  d$noise <- d$noise + 0.1 * seq_len(8)[d$h]
  d
}

# Programs that evaluate a call again look for its data there.
global_data <- function(data, env = parent.frame()) {
  assign("d", data, envir = globalenv())
  forget <- quote(rm("d", envir = globalenv()))
  do.call(on.exit, list(forget, add = TRUE), envir = env)
  data
}

test_that("the tables and the model are lmerTest's", {
  skip_if_not_installed("lmerTest")
  d <- global_data(step_data())
  for (formula in list(Weight ~ Time * Cu + noise + (Time | Pig),
    Weight ~ Cu * noise + Time * Evit + (Time | Pig) + (1 | h), noise ~ Cu + u + (1 | h),
    noise ~ Cu + u + (u + Time | h) + (1 | Pig), Weight ~ Time + u + (Time || Pig))) {
    theirs <- suppressMessages(suppressWarnings(lmerTest::step(eval(bquote(
      lmerTest::lmer(.(formula), d, control = lme4::lmerControl(optimizer = "bobyqa")))))))
    ours <- step(suppressMessages(rlmm(formula, d)))
    for (part in c("random", "fixed")) {
      expect_equal(row.names(ours[[part]]), row.names(theirs[[part]]))
      expect_equal(as.matrix(ours[[part]])[, names(theirs[[part]])], as.matrix(theirs[[part]]),
        tolerance = 1e-3)
    }
    # lme4 writes (x || g) as two terms
    if (!grepl("||", deparse1(formula), fixed = TRUE)) {
      expect_equal(formula(get_model(ours)), formula(lmerTest::get_model(theirs)),
        ignore_formula_env = TRUE, ignore_attr = TRUE)
    }
    expect_output(print(ours), "Model found:")
  }
})

test_that("the model found is a fit like any other", {
  d <- step_data()
  found <- get_model(step(rlmm(Weight ~ Time + noise + (Time | Pig), d)))
  expect_s3_class(found, "rlmm")
  again <- rlmm(Weight ~ Time + (Time | Pig), d)
  expect_equal(coef(summary(found)), coef(summary(again)), tolerance = 1e-6)
  expect_equal(formula(update(found, . ~ . + Cu)), Weight ~ Time + (Time | Pig) + Cu,
    ignore_formula_env = TRUE)
})

test_that("without random effects the model is that of lm()", {
  d <- step_data()
  d$w <- stats::runif(861)
  fit <- suppressMessages(rlmm(noise ~ Cu + u + (1 | Pig), d, weights = w))
  found <- step(fit)
  model <- get_model(found)
  expect_s3_class(model, "lm", exact = TRUE)
  expect_equal(coef(model), coef(lm(formula(model), d, weights = w)))
  expect_equal(found$random$Eliminated, c(NA, 1))
  linear <- drop1(lm(noise ~ Cu + u, d, weights = w), test = "F")
  expect_equal(attr(found, "drop1")[["F value"]][1], drop1(model, test = "F")[["F value"]][2])
  expect_true(all(found$fixed$Eliminated[found$fixed[["Pr(>F)"]] > 0.05] > 0))
  expect_equal(max(found$fixed[["Pr(>F)"]]), max(linear[["Pr(>F)"]], na.rm = TRUE),
    tolerance = 1e-6)
})

test_that("terms can be kept, and either part left alone", {
  d <- step_data()
  fit <- rlmm(Weight ~ Time + noise + Cu + (Time | Pig), d)
  expect_equal(row.names(step(fit, keep = "noise")$fixed), c("Cu", "Time"))
  expect_true(all(step(fit, reduce.fixed = FALSE)$fixed$Eliminated == 0))
  expect_rlmm_error(step(fit, keep = "nothing"), "bad_argument", "'nothing'")
  fit <- suppressMessages(rlmm(Weight ~ Time + (Time | Pig) + (1 | h), d))
  expect_true(all(step(fit, reduce.random = FALSE)$random$Eliminated[-1] == 0))
  expect_rlmm_error(step(fit, ddf = "none"), "bad_argument", "degrees of freedom")
})

test_that("the mixture makes the test of a variance sharper", {
  d <- step_data()
  fit <- rlmm(noise ~ u + (1 | h), d)
  p <- ranova(fit)[2, "Pr(>Chisq)"]
  alpha <- 0.75 * p
  expect_s3_class(get_model(step(fit, alpha.random = alpha)), "lm")
  expect_s3_class(get_model(step(fit, alpha.random = alpha, mixture = TRUE)), "rlmm")
})

test_that("other models go to the functions that know them", {
  d <- global_data(step_data())
  model <- lm(noise ~ u + Time, d)
  expect_equal(formula(step(model, trace = 0)), formula(stats::step(model, trace = 0)))
  fits <- df_fits("sleepstudy")
  expect_s3_class(lmerTest::step(fits$ours), "rlmm_step")
  expect_s3_class(lmerTest::get_model(lmerTest::step(fits$ours)), "rlmm")
})
