# The same model has the same fit, whatever the units and origins of its variables, the order of its
# rows, the names of its levels and the number of threads.

ml <- function(data, formula = Reaction ~ Days + (Days | Subject), ...) {
  expect_warning(fit <- rlmm(formula, data, REML = FALSE, ...), NA)
  expect_true(optinfo(fit)$certificate$certified)
  fit
}

# Standard deviations, correlation, fixed effects and their covariances of a fit whose covariate is
# `unit * Days + shift`, in terms of Days. The relative covariance factor is transformed, not the
# covariance matrix: that would lose half of the digits.
in_days <- function(fit, shift, unit) {
  back <- rbind(c(1, shift), c(0, unit))
  lambda <- matrix(c(fit$theta[1:2], 0, fit$theta[3]), 2)
  factor <- fit$sigma * back %*% lambda
  sd <- sqrt(rowSums(factor^2))
  list(sd = sd, cor = sum(factor[1, ] * factor[2, ]) / prod(sd), sigma = fit$sigma,
    beta = drop(back %*% fixef(fit)), slope_se = sqrt(vcov(fit)[2, 2]) * abs(unit))
}

expect_same_as_days <- function(shift = 0, unit = 1, label) {
  d <- transform(sleepstudy, Days = unit * Days + shift)
  fit <- ml(d)
  expect_lte(abs(fit$criterion - 1751.93934446), 1e-6, label = label)
  found <- in_days(fit, shift, unit)
  expect_equal(found$sd, c(23.78056, 5.716834), tolerance = 1e-4, label = label)
  expect_equal(found$cor, 0.0813197, tolerance = 1e-3, label = label)
  expect_equal(found$sigma, 25.59182, tolerance = 1e-4, label = label)
  expect_equal(found$beta, c(251.40510485, 10.46728596), tolerance = 1e-6, label = label)
  expect_equal(found$slope_se, 1.502237, tolerance = 1e-4, label = label)
  expect_false(isSingular(fit), label = label)
  expect_equal(unname(fitted(fit)), unname(fitted(ml(sleepstudy))), tolerance = 1e-4, label = label)
}

test_that("a covariate may lie anywhere", {
  expect_same_as_days(shift = 2000, label = "Days + 2000")
  expect_same_as_days(shift = -1e4, label = "Days - 10000")
  expect_same_as_days(shift = 1e6, label = "Days + 1e6")
})

test_that("a covariate may be in any unit", {
  expect_same_as_days(unit = 1e-12, label = "Days * 1e-12")
  expect_same_as_days(unit = 1e12, label = "Days * 1e12")
  expect_same_as_days(unit = -1, label = "-Days")
  expect_same_as_days(unit = 1e-6, shift = 1, label = "Days * 1e-6 + 1")
})

test_that("the response may lie anywhere, and be in any unit", {
  reference <- ml(sleepstudy)
  far <- ml(transform(sleepstudy, Reaction = Reaction + 1e8))
  expect_lte(abs(far$criterion - reference$criterion), 1e-4)
  expect_equal(far$theta, reference$theta, tolerance = 1e-4)
  expect_equal(far$sigma, reference$sigma, tolerance = 1e-5)
  expect_equal(fixef(far)[["Days"]], fixef(reference)[["Days"]], tolerance = 1e-6)
  expect_equal(fixef(far)[["(Intercept)"]] - 1e8, fixef(reference)[["(Intercept)"]],
    tolerance = 1e-6)
  for (unit in c(1e-9, 1e9)) {
    scaled <- ml(transform(sleepstudy, Reaction = unit * Reaction))
    expect_lte(abs(scaled$criterion - 2 * 180 * log(unit) - reference$criterion), 1e-6)
    expect_equal(scaled$theta, reference$theta, tolerance = 1e-4)
    expect_equal(scaled$sigma / unit, reference$sigma, tolerance = 1e-5)
    expect_equal(fixef(scaled) / unit, fixef(reference), tolerance = 1e-6)
  }
})

test_that("a covariate's unit moves the REML criterion by its logarithm, and the fit not at all", {
  reference <- rlmm(Weight ~ Time + (Time | Pig), dietox)
  for (unit in c(1e-7, 0.1, 1e7)) {
    fit <- rlmm(Weight ~ Time + (Time | Pig), transform(dietox, Time = unit * Time))
    expect_lte(abs(fit$criterion - 2 * log(unit) - reference$criterion), 1e-6)
    expect_equal(logLik(fit, REML = FALSE)[1], logLik(reference, REML = FALSE)[1],
      tolerance = 1e-8)
  }
})

test_that("uncorrelated slopes are the same in any unit", {
  formula <- Reaction ~ Days + (Days || Subject)
  reference <- ml(sleepstudy, formula)
  for (unit in c(1e-10, 1e10)) {
    fit <- ml(transform(sleepstudy, Days = unit * Days), formula)
    expect_lte(abs(fit$criterion - reference$criterion), 1e-6)
    expect_equal(fit$theta * c(1, unit), reference$theta, tolerance = 1e-4)
  }
})

# Crossed and nested groups, a slope, weights and an offset.
crossed <- function() {
  set.seed(8)
  n <- 300
  d <- data.frame(
    a = sample(paste0("a", 1:20), n, TRUE), b = sample(paste0("b", 1:12), n, TRUE),
    x = rnorm(n), w = runif(n, 0.5, 2), o = rnorm(n)
  )
  d$c <- paste0(d$a, sample(1:3, n, TRUE))
  pick <- function(group, sd) rnorm(length(unique(group)), 0, sd)[factor(group)]
  d$y <- d$o + pick(d$a, 2) + pick(d$a, 1) * d$x + pick(d$b, 1.5) + pick(d$c, 1) + rnorm(n)
  d
}

crossed_fit <- function(data) {
  rlmm(y ~ x + (x | a) + (1 | c) + (1 | b), data, weights = w, offset = o)
}

expect_same_estimates <- function(fit, reference, tolerance) {
  expect_lte(abs(fit$criterion - reference$criterion), 1e-7)
  expect_equal(fit$theta, reference$theta, tolerance = tolerance)
  expect_equal(fixef(fit), fixef(reference), tolerance = tolerance)
  expect_equal(vcov(fit), vcov(reference), tolerance = tolerance)
  expect_equal(sigma(fit), sigma(reference), tolerance = tolerance)
}

test_that("the order of the rows does not matter", {
  d <- crossed()
  reference <- crossed_fit(d)
  set.seed(1)
  for (i in 1:3) {
    order <- sample(nrow(d))
    fit <- crossed_fit(d[order, ])
    expect_same_estimates(fit, reference, 1e-6)
    expect_equal(ranef(fit), ranef(reference), tolerance = 1e-5)
    expect_equal(fitted(fit), fitted(reference)[order], tolerance = 1e-6)
  }
})

test_that("names and order of the levels do not matter", {
  d <- crossed()
  reference <- crossed_fit(d)
  set.seed(2)
  renamed <- d
  renamed$a <- factor(d$a, levels = sample(unique(d$a)))
  new_names <- setNames(paste("level", sample(1000, 12)), unique(d$b))
  renamed$b <- new_names[d$b]
  fit <- crossed_fit(renamed)
  expect_same_estimates(fit, reference, 1e-6)
  ours <- ranef(fit, condVar = FALSE)
  expected <- ranef(reference, condVar = FALSE)
  expect_equal(ours$a[rownames(expected$a), ], expected$a, tolerance = 1e-5)
  expect_equal(ours$b[new_names[rownames(expected$b)], 1], expected$b[[1]], tolerance = 1e-5)
  expect_equal(fitted(fit), fitted(reference), tolerance = 1e-6)
})

test_that("the order of the terms changes nothing but their order", {
  d <- crossed()
  reference <- crossed_fit(d)
  fit <- rlmm(y ~ x + (1 | b) + (1 | c) + (x | a), d, weights = w, offset = o)
  expect_same_estimates(fit, reference, 1e-6)
  expect_equal(ranef(fit)[c("a", "b", "c")], ranef(reference)[c("a", "b", "c")], tolerance = 1e-5)
})

test_that("a row of weight two is two rows of weight one", {
  set.seed(4)
  d <- transform(crossed(), w = 1)
  twice <- sample(nrow(d), 40)
  weighted <- d
  weighted$w[twice] <- 2
  split <- rbind(d, d[twice, ])
  at <- function(data, theta, REML) {
    frame <- rlmm_frame(y ~ x + (x | a) + (1 | c) + (1 | b), data, weights = w, offset = o,
      REML = REML)
    rlmm:::rust_result(rlmm:::rust_at(environment(rlmm_devfun(frame))$model, theta, FALSE))
  }
  for (theta in list(c(0.8, 1.2, 0.3, 0.7, 0.9), c(0.5, 2, 0, 0, 1.5), c(0, 0, 0, 0, 0))) {
    one <- at(weighted, theta, TRUE)
    two <- at(split, theta, TRUE)
    for (what in c("beta", "u", "RX")) {
      expect_equal(two[[what]], one[[what]], tolerance = 1e-9, label = what)
    }
    expect_equal(two$cmp, one$cmp, tolerance = 1e-9)
    # the criterion counts rows, and the residual variance is over more of them
    expect_equal(two$sigma^2 * (nrow(split) - 2), one$sigma^2 * (nrow(weighted) - 2),
      tolerance = 1e-9)
  }
})

test_that("all weights times a constant change the residual variance alone", {
  d <- crossed()
  reference <- crossed_fit(d)
  fit <- crossed_fit(transform(d, w = 1e4 * w))
  expect_equal(fit$theta * 100, reference$theta, tolerance = 1e-5)
  expect_equal(fit$criterion, reference$criterion, tolerance = 1e-8)
  expect_equal(sigma(fit) / 100, sigma(reference), tolerance = 1e-6)
  expect_equal(vcov(fit), vcov(reference), tolerance = 1e-6)
})

test_that("the number of threads does not matter", {
  skip_on_cran()
  skip_if(rlmm:::available_processors() < 2, "one processor")
  skip_if(rlmm:::environment_limit() < 2, "limited to one thread")
  set.seed(6)
  n <- 40000
  d <- data.frame(a = sample(1500, n, TRUE), b = sample(1500, n, TRUE), x = rnorm(n))
  d$y <- rnorm(1500)[d$a] + rnorm(1500)[d$b] + d$x + rnorm(n)
  fits <- lapply(1:2, function(threads) {
    rlmm(y ~ x + (1 | a) + (1 | b), d, control = rlmm_control(threads = threads))
  })
  expect_equal(vapply(fits, function(fit) fit$optinfo$factorisation$threads, 1L), 1:2)
  for (what in c("theta", "beta", "sigma", "u", "criterion")) {
    expect_equal(fits[[2]][[what]], fits[[1]][[what]], tolerance = 1e-9, label = what)
  }
})
