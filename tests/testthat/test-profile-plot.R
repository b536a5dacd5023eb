# Pictures of profiles: what they show, also of curves that end at a bound.

boundary_fits <- function() {
  list(slope = our_fit("slope"), singular = our_fit("singular"),
    one = quiet_fit(y ~ x + (x | g), slopes_data(3, cor = 0.99)),
    undefined = quiet_fit(y ~ x + (x | g), slopes_data(4, sd = c(0, 0))), three = broken_fit())
}

test_that("every picture can be drawn of every profile, in both styles", {
  for (fit in boundary_fits()) {
    for (names in c(TRUE, FALSE)) {
      pr <- profile(fit, signames = names)
      pictures <- list(xyplot(pr), xyplot(pr, absVal = TRUE), densityplot(pr), plot(pr), splom(pr),
        xyplot(logProf(pr)), densityplot(varianceProf(pr)), plot(pr, which = 1))
      for (picture in pictures) {
        expect_s3_class(picture, "trellis")
        expect_silent(draws(picture))
      }
    }
    expect_silent(draws(plot(profile(fit, criterion = "REML"))))
  }
})

test_that("panels are the parameters, lines the curves", {
  pr <- profile(our_fit("slope"))
  zeta <- xyplot(pr, conf = c(0.5, 0.95))
  expect_equal(dimnames(zeta)$par, levels(pr$.par))
  panel <- zeta$panel.args[[6]]
  curve <- profile_curves(pr)$Days
  expect_equal(panel$y, zeta_of_values(curve, panel$x), tolerance = 1e-8)
  expect_equal(range(panel$y), c(-1, 1) * 1.08 * qnorm(0.975), tolerance = 1e-3)
  expect_equal(xyplot(pr, absVal = TRUE)$panel.args[[6]]$y, abs(xyplot(pr)$panel.args[[6]]$y))
  expect_equal(dimnames(xyplot(pr, which = c("Days", ".sig01")))$par, c(".sig01", "Days"))
  expect_rlmm_error(xyplot(pr, which = "day"), "unknown_name")
})

test_that("plot() shows the log-likelihood over one parameter", {
  pr <- profile(our_fit("slope"))
  panel <- plot(pr, which = "Days")$panel.args[[1]]
  ml <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE)
  expect_equal(max(panel$y), as.numeric(logLik(ml)), tolerance = 1e-6)
  k <- 20
  held <- panel$x[k]
  fit <- rlmm(Reaction ~ 1 + offset(held * Days) + (Days | Subject), sleepstudy, REML = FALSE)
  expect_equal(panel$y[k], as.numeric(logLik(fit)), tolerance = 1e-6)
})

test_that("densities have mass one", {
  pr <- profile(our_fit("slope"))
  for (panel in densityplot(pr)$panel.args) {
    mass <- sum(diff(panel$x) * (head(panel$y, -1) + tail(panel$y, -1)) / 2)
    expect_equal(mass, 1, tolerance = 0.01)
  }
})

test_that("regions of a pair have the height of their level", {
  fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE)
  pr <- profile(fit, "beta_")
  curves <- profile_curves(pr)
  traces <- profile_traces(pr, curves)
  level <- sqrt(qchisq(0.8, 2))
  border <- region_border(traces[[1]][[2]], traces[[2]][[1]], level, n = 9)
  for (k in 1:8) {
    at <- c(values_of_zeta(curves[[1]], border[k, 1]), values_of_zeta(curves[[2]], border[k, 2]))
    held <- rlmm(Reaction ~ 0 + offset(at[1] + at[2] * Days) + (Days | Subject), sleepstudy,
      REML = FALSE)
    expect_equal(sqrt(deviance(held) - attr(pr, "minimum")), level, tolerance = 0.04)
  }
  # where both parameters are at their best given the other, on the trace
  trace <- traces[[1]][[2]](1)
  at <- values_of_zeta(curves[[1]], 1)
  held <- rlmm(Reaction ~ 0 + Days + offset(rep(at, 180)) + (Days | Subject), sleepstudy,
    REML = FALSE)
  expect_equal(values_of_zeta(curves[[2]], trace), fixef(held)[["Days"]], tolerance = 1e-3)
  expect_rlmm_error(splom(pr, which = 1), "bad_argument", "two parameters")
})
