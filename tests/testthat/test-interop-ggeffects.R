skip_if_not_installed("ggeffects")
skip_if_not_installed("insight")

columns <- c("x", "predicted", "conf.low", "conf.high", "group")
taken <- function(p) as.data.frame(p)[intersect(columns, names(p))]

test_that("predictions of the population are those of lmer's fit", {
  # of lmer's fit of 'oats', ggeffects finds no standard errors
  expect_as_lmer(ggeffects::ggpredict(x, v), setdiff(with_covariate, "oats"), taken)
  expect_as_lmer(ggeffects::ggpredict(x, v)$predicted, with_covariate)
  expect_as_lmer(ggeffects::ggpredict(x, f)$predicted, with_factor)
  expect_as_lmer(ggeffects::ggpredict(x, c(v, f)), setdiff(with_both, "oats"), taken)
  expect_as_lmer(ggeffects::ggpredict(x, c(v, f))$predicted, with_both)
  expect_as_lmer(ggeffects::ggpredict(x, "Days [0, 5]", ci.lvl = 0.8), "slope", taken)
  expect_as_lmer(ggeffects::ggpredict(x, c("temperature", "recipe"))$predicted,
    c("cake", "deficient"))
  expect_as_lmer(ggeffects::ggpredict(x, c("Days", "dose")), "weighted", taken)
  skip_if_not_installed("effects")
  expect_as_lmer(ggeffects::ggeffect(x, v), with_covariate, taken)
})

# With an ordered factor ggeffects 1.2.0 has other standard errors for an lmer fit, that differ in a
# balanced design.
test_that("limits of cells are those of predict()", {
  fit <- interop_fits("cake")$ours
  cells <- ggeffects::ggpredict(fit, c("temperature", "recipe"))
  grid <- data.frame(temperature = cells$x, recipe = cells$group)
  direct <- predict(fit, grid, re.form = NA, interval = "confidence", df = df.residual(fit))
  expect_equal(cells$conf.low, unname(direct[, "lwr"]))
  widths <- cells$conf.high - cells$conf.low
  expect_equal(widths, rep(widths[1], 18))
})

test_that("a new observation has the variance of its random effects, too", {
  fits <- interop_fits("slope")
  at <- c("Days [0, 3]", "Subject [308, 309]")
  ours <- ggeffects::ggpredict(fits$ours, at, type = "re", ci.lvl = 0.9)
  grid <- data.frame(Days = c(0, 0, 3, 3), Subject = c("308", "309"))
  direct <- predict(fits$ours, grid, interval = "prediction", level = 0.9, df = 174)
  expect_equal(as.matrix(as.data.frame(ours)[c("predicted", "conf.low", "conf.high")]), direct,
    ignore_attr = TRUE)
  theirs <- ggeffects::ggpredict(fits$theirs, at, type = "re", ci.lvl = 0.9)
  expect_equal(ours$predicted, theirs$predicted, tolerance = 1e-4)

  anew <- ggeffects::ggpredict(fits$ours, "Days [0, 3]", type = "re")
  direct <- predict(fits$ours, data.frame(Days = c(0, 3)), re.form = NA, interval = "prediction",
    df = 174)
  expect_equal(anew$conf.high, unname(direct[, "upr"]))
  expect_rlmm_error(ggeffects::ggpredict(fits$ours, "Days", type = "sim"), "bad_argument",
    "ggpredict")
})

test_that("marginal means by way of emmeans", {
  skip_if_not_installed("emmeans")
  expect_as_lmer(ggeffects::ggemmeans(x, f), setdiff(with_factor, "deficient"), taken)
  expect_as_lmer(ggeffects::ggemmeans(x, c("Days", "dose")), "weighted", taken)
})
