skip_if_not_installed("arm")

test_that("draws have the distribution of those from lmer's fit", {
  moments <- function(draws) {
    columns <- cbind(draws@fixef, matrix(draws@ranef[[1]], nrow(draws@fixef)), draws@sigma)
    list(mean = colMeans(columns), sd = apply(columns, 2, stats::sd))
  }
  for (name in c("slope", "weighted", "penicillin", "cake", "deficient")) {
    fits <- interop_fits(name)
    set.seed(1)
    ours <- moments(arm::sim(fits$ours, 2000))
    theirs <- moments(arm::sim(fits$theirs, 2000))
    expect_lt(max(abs(ours$mean - theirs$mean) / theirs$sd), 0.15)
    expect_equal(ours$sd, theirs$sd, tolerance = 0.1)
    exact <- sqrt(diag(vcov(fits$ours, full = TRUE)))
    q <- length(getME(fits$ours, "u"))
    p <- length(fixef(fits$ours))
    expect_equal(ours$sd[seq_len(p)], exact[q + seq_len(p)], tolerance = 0.1, ignore_attr = TRUE)
    expect_equal(ours$mean[seq_len(p)], fixef(fits$ours), tolerance = 0.05, ignore_attr = TRUE)
  }
})

test_that("draws are laid out as arm's", {
  fits <- interop_fits("slope")
  ours <- arm::sim(fits$ours, 5)
  theirs <- arm::sim(fits$theirs, 5)
  expect_s4_class(ours, "sim.merMod")
  expect_equal(dimnames(ours@fixef), dimnames(theirs@fixef))
  expect_equal(lapply(ours@ranef, dimnames), lapply(theirs@ranef, dimnames))
  expect_equal(dim(arm::sigma.hat(ours)), dim(arm::sigma.hat(theirs)))
  several <- arm::sim(our_fit("three"), 4)
  expect_equal(lapply(several@ranef, dim), list(Subject = c(4L, 18L, 3L), h = c(4L, 6L, 1L)))
  mean_effects <- apply(arm::sim(our_fit("three"), 3000)@ranef$Subject, 2:3, mean)
  expect_equal(mean_effects, as.matrix(ranef(our_fit("three"))$Subject), tolerance = 0.2,
    ignore_attr = TRUE)
})

test_that("standard errors and the others are those of lmer's fit", {
  one_term <- setdiff(names(interop_models), "split")
  # (x || g) stops arm, of lmer's fit as well
  expect_as_lmer(unclass(arm::se.ranef(x)), one_term)
  # no generic; it looks into lme4's covariance matrix
  expect_as_lmer(unclass(arm::se.fixef(both(x))))
  expect_as_lmer(arm::se.coef(x), one_term)
  expect_as_lmer(arm::sigma.hat(x))
  expect_as_lmer(arm::extractDIC(x))
  # the call takes one line or two
  expect_as_lmer(utils::capture.output(arm::display(x)), take = function(text) {
    text[-seq_len(grep("coef.est", text)[1] - 1L)]
  })
  expect_as_lmer(lme4::fixef(arm::standardize(x)), c("slope", "weighted"), tolerance = 1e-3)
})

test_that("fitted values of draws are had by way of as_merMod()", {
  for (name in c("slope", "penicillin")) {
    fit <- interop_fits(name)$ours
    set.seed(4)
    draws <- arm::sim(fit, 500)
    values <- fitted(draws, as_merMod(fit))
    expect_equal(dim(values), c(nobs(fit), 500L))
    expect_equal(rowMeans(values), unname(fitted(fit)), tolerance = 0.02, ignore_attr = TRUE)
  }
})
