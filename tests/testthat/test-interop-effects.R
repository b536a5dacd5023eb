skip_if_not_installed("effects")

as_table <- function(effect) {
  if (inherits(effect, "eff")) as.data.frame(effect) else lapply(effect, as.data.frame)
}

test_that("effects are those of lmer's fit", {
  models <- setdiff(with_terms, "deficient")
  expect_as_lmer(effects::allEffects(x), models, as_table)
  expect_as_lmer(effects::predictorEffects(x), models, as_table)
  expect_as_lmer(effects::Effect("Days", x, xlevels = list(Days = c(0, 7))), "slope", as_table)
  expect_as_lmer(effects::Effect(c("Days", "dose"), x), "weighted", as_table)
  expect_as_lmer(effects::Effect(v, x), with_covariate, as_table)
  expect_as_lmer(effects::Effect(f, x), setdiff(with_factor, "deficient"), as_table)
  expect_as_lmer(effects::Effect(v, x, residuals = TRUE)$residuals, with_covariate)
  skip_if_not_installed("pbkrtest")
  expect_as_lmer(effects::allEffects(x, KR = TRUE), setdiff(models, "weighted"), as_table)
})

test_that("the bases and the data are those of the fit", {
  d <- method_data()
  d$z[1:9] <- NA
  model <- Reaction ~ poly(Days, 2) + z + offset(o) + (1 | Subject)
  fit <- local({
    hidden <- d
    rlmm(model, hidden)
  })
  at <- c(0, 3, 9)
  ours <- effects::Effect("Days", fit, xlevels = list(Days = at))
  by_hand <- predict(fit, data.frame(Days = at, z = mean(d$z, na.rm = TRUE), o = 0), re.form = NA,
    interval = "confidence")
  expect_equal(diff(ours$fit[, 1]), diff(by_hand[, "fit"]), ignore_attr = TRUE)
  half <- stats::qnorm(0.975) * as.vector(ours$se)
  expect_equal(half, unname(by_hand[, "upr"] - by_hand[, "fit"]), tolerance = 0.05)
})

test_that("plots are made, and a rank-deficient fit is refused", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_no_error(print(plot(effects::allEffects(interop_fits("cake")$ours))))
  expect_rlmm_error(effects::allEffects(interop_fits("deficient")$ours), "bad_argument",
    "redundant", "emmeans")
})
