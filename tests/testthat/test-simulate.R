# simulate() and simulate_lmm(): the draws are linear in R's normals, so that a dense formula with
# the same normals gives the same numbers.

# X beta + offset + Z Lambda u + noise, with the normals in the documented order.
dense_draws <- function(fit, nsim, seed, modes = FALSE) {
  w <- stats::model.weights(fit$frame)
  sd <- sigma(fit) / sqrt(if (is.null(w)) 1 else w)
  mean <- getME(fit, "X") %*% getME(fit, "beta") + getME(fit, "offset")
  ZL <- as.matrix(getME(fit, "Z") %*% getME(fit, "Lambda"))
  set.seed(seed)
  sapply(seq_len(nsim), function(i) {
    u <- if (modes) getME(fit, "u") else sigma(fit) * rnorm(ncol(ZL))
    as.vector(mean + ZL %*% u + sd * rnorm(nrow(ZL)))
  })
}

test_that("draws follow the dense formula", {
  for (name in c("slope", "split", "three", "weighted", "offset", "deficient", "poly", "penicillin",
    "pastes", "cake", "factor_left")) {
    fit <- our_fit(name)
    draws <- simulate(fit, nsim = 2, seed = 7)
    expect_equal(unname(as.matrix(draws)), dense_draws(fit, 2, 7), label = name)
    draws <- simulate(fit, nsim = 2, seed = 7, use.u = TRUE)
    expect_equal(unname(as.matrix(draws)), dense_draws(fit, 2, 7, modes = TRUE), label = name)
  }
})

test_that("the result has lme4's shape", {
  for (name in c("slope", "exclude", "weighted")) {
    ours <- simulate(our_fit(name), nsim = 3, seed = 1)
    theirs <- simulate(lme4_fit(name), nsim = 3, seed = 1)
    expect_equal(dimnames(ours), dimnames(theirs), label = name)
    expect_equal(which(is.na(ours[[1]])), which(is.na(theirs[[1]])))
    expect_equal(attr(ours, "na.action"), attr(theirs, "na.action"), ignore_attr = TRUE)
  }
})

test_that("the seed is treated as stats::simulate() documents", {
  fit <- our_fit("slope")
  set.seed(5)
  before <- .Random.seed
  one <- simulate(fit, nsim = 2, seed = 10)
  expect_identical(.Random.seed, before)
  expect_identical(one, simulate(fit, nsim = 2, seed = 10))
  expect_equal(attr(one, "seed"), structure(10, kind = as.list(RNGkind())))
  two <- simulate(fit)
  expect_identical(attr(two, "seed"), before)
  expect_false(identical(.Random.seed, before))
  assign(".Random.seed", attr(two, "seed"), envir = globalenv())
  expect_identical(simulate(fit), two)
  expect_identical(simulate(fit, nsim = 1, seed = 10)[[1]], one[[1]])
})

test_that("the moments are those of the model", {
  skip_on_cran()
  fit <- our_fit("three")
  rows <- c(1, 2, 11, 40)
  draws <- t(as.matrix(simulate(fit, nsim = 4000, seed = 3))[rows, ])
  ZL <- as.matrix(getME(fit, "Z") %*% getME(fit, "Lambda"))[rows, ]
  V <- sigma(fit)^2 * (tcrossprod(ZL) + diag(4))
  expect_equal(colMeans(draws), predict(fit, re.form = NA)[rows], tolerance = 0.02,
    ignore_attr = TRUE)
  expect_equal(unname(cov(draws)), unname(V), tolerance = 0.1)
})

test_that("terms of re.form stay at their modes, the others are drawn", {
  fit <- our_fit("three")
  draws <- simulate(fit, seed = 2, re.form = ~ (1 | h))
  set.seed(2)
  kept <- predict(fit, re.form = ~ (1 | h))
  random <- fit$random
  terms <- random_terms(fit)
  drawn <- 0
  for (i in which(vapply(random, `[[`, "", "group") != "h")) {
    lambda <- lambda_list(fit)[[i]]
    u <- matrix(rnorm(ncol(lambda) * 18), ncol(lambda))
    Z <- left_matrix(terms[[i]], 180)
    drawn <- drawn + sigma(fit) * rowSums(Z * t(lambda %*% u)[terms[[i]]$codes, , drop = FALSE])
  }
  expect_equal(draws[[1]], unname(kept) + drawn + sigma(fit) * rnorm(180))
  expect_identical(simulate(fit, seed = 2, re.form = NULL), simulate(fit, seed = 2, use.u = TRUE))
  expect_identical(simulate(fit, seed = 2, re.form = ~0), simulate(fit, seed = 2))
})

test_that("new data have new levels, known ones, and other parameters", {
  fit <- our_fit("slope")
  new <- data.frame(Days = c(0, 0, 5), Subject = c("a", "a", "b"))
  draws <- simulate(fit, nsim = 2, seed = 1, newdata = new)
  expect_equal(dim(draws), c(3L, 2L))
  set.seed(1)
  lambda <- lambda_list(fit)[[1]]
  b <- sigma(fit) * lambda %*% matrix(rnorm(4), 2)
  expected <- predict(fit, new, re.form = NA) +
    c(b[1, 1], b[1, 1], b[1, 2] + 5 * b[2, 2]) + sigma(fit) * rnorm(3)
  expect_equal(draws[[1]], unname(expected))

  params <- list(beta = c(1, 2), theta = c(0, 0, 0), sigma = 1e-9)
  draws <- simulate(fit, newdata = new, newparams = params)
  expect_equal(draws[[1]], c(1, 1, 11), tolerance = 1e-6)
  known <- data.frame(Days = 3, Subject = "308")
  draws <- simulate(fit, newdata = known, use.u = TRUE, newparams = list(sigma = 1e-9))
  expect_equal(draws[[1]], unname(predict(fit, known)))
  expect_rlmm_error(simulate(fit, newdata = new, use.u = TRUE), "new_levels")
  draws <- simulate(fit, newdata = new, use.u = TRUE, allow.new.levels = TRUE, seed = 1)
  set.seed(1)
  expect_equal(draws[[1]], unname(predict(fit, new, re.form = NA)) + sigma(fit) * rnorm(3))
})

test_that("terms keep their parameters when new data turn their order around", {
  d <- method_data()
  fit <- our_fit("three")
  new <- data.frame(Days = 1, z = 0.5, Subject = "a", h = letters[1:24])
  ZL_sd <- function(draws) apply(draws, 1, sd)
  draws <- as.matrix(simulate(fit, nsim = 1500, seed = 9, newdata = new))
  V <- lapply(VarCorr(fit), unclass)
  z <- c(1, 0.5)
  expected <- sum(vapply(V, function(S) if (nrow(S) == 1) S[1] else drop(z %*% S %*% z), 0)) +
    sigma(fit)^2
  expect_equal(mean(ZL_sd(draws)^2), expected, tolerance = 0.06)
  # effects of a level shared by all rows do not show in the covariance of differences
  shared <- expected - V$h[1] - sigma(fit)^2
  expect_equal(mean(cov(t(draws))[upper.tri(diag(24))]), shared, tolerance = 0.1)
})

test_that("weights and offset of the fit are evaluated in new data", {
  d <- method_data()
  fit <- rlmm(Reaction ~ Days + (1 | Subject), d, weights = w, offset = o)
  new <- data.frame(Days = 1, Subject = "308", w = c(1, 4), o = c(0, 1000))
  none <- list(theta = 0, beta = c(0, 0))
  draws <- simulate(fit, seed = 1, newdata = new, newparams = none)
  set.seed(1)
  rnorm(1)
  expect_equal(draws[[1]], c(0, 1000) + sigma(fit) * rnorm(2) / c(1, 2))
  expect_rlmm_error(simulate(fit, newdata = new[c("Days", "Subject", "o")]), "newdata", "weights")
})

test_that("rows of weight zero have no simulated response, and refit() does not need it", {
  d <- method_data()
  fit <- rlmm(Reaction ~ Days + (Days | Subject), d, weights = replace(w, 3, 0))
  draws <- simulate(fit, seed = 1)
  expect_equal(which(is.na(draws[[1]])), 3L)
  again <- suppressMessages(refit(fit, draws))
  expect_equal(nobs(again), 179)
  expect_length(fitted(again), 180)
})

test_that("random effects can have another distribution", {
  fit <- our_fit("slope")
  signs <- function(n) sample(c(-1, 1), n, TRUE)
  draws <- simulate(fit, seed = 1, cluster.rand = signs, newparams = list(sigma = 1e-8, theta =
    c(1e8, 0, 0)))
  effects <- draws[[1]] - predict(fit, re.form = NA)
  expect_equal(sort(unique(round(effects, 4))), c(-1, 1))
})

test_that("wrong arguments are classed errors", {
  fit <- our_fit("slope")
  expect_rlmm_error(simulate(fit, nsim = 0), "bad_argument", "nsim")
  expect_rlmm_error(simulate(fit, use.u = TRUE, re.form = NA), "bad_argument", "re.form")
  expect_rlmm_error(simulate(fit, family = "binomial"), "bad_argument", "family")
  expect_rlmm_error(simulate(fit, re.form = ~ (1 | Subject)), "re_form", "whole")
  expect_rlmm_error(simulate(fit, re.form = ~ (1 | other)), "re_form", "other")
  expect_rlmm_error(simulate(fit, newparams = list(beta = 1)), "newparams", "beta")
  new <- data.frame(Days = 1, Subject = NA)
  expect_rlmm_error(simulate(fit, newdata = new), "missing_group", "Subject")
})

test_that("without a fit the draws are those of a fit with the same parameters", {
  for (name in c("slope", "split", "three", "weighted", "offset", "cake", "pastes")) {
    fit <- our_fit(name)
    params <- list(beta = fixef(fit), theta = getME(fit, "theta"), sigma = sigma(fit))
    d <- model_data(name)
    draws <- if (name == "weighted") {
      simulate_lmm(formula(fit), d, params, nsim = 2, seed = 3, weights = w)
    } else {
      simulate_lmm(formula(fit), d, params, nsim = 2, seed = 3)
    }
    expect_equal(draws, simulate(fit, nsim = 2, seed = 3), label = name)
  }
})

test_that("the response need not exist, and parameters may be in the order of their names", {
  design <- expand.grid(x = 0:4, g = letters[1:5])
  S <- matrix(c(4, 1, 1, 2), 2)
  theta <- t(chol(S))[lower.tri(S, diag = TRUE)] / 3
  params <- list(beta = c("(Intercept)" = 1, x = 2), theta = theta, sigma = 3)
  draws <- simulate_lmm(~ x + (x | g), design, params, seed = 1)
  expect_identical(simulate_lmm(y ~ x + (x | g), design, params, seed = 1), draws)
  params$beta <- rev(params$beta)
  expect_identical(simulate_lmm(~ x + (x | g), design, params, seed = 1), draws)
  draws <- as.matrix(simulate_lmm(~ x + (x | g), design, params, nsim = 4000, seed = 1))
  Z <- cbind(1, 0:4)
  expect_equal(cov(t(draws[1:5, ])), Z %*% S %*% t(Z) + 9 * diag(5), tolerance = 0.1,
    ignore_attr = TRUE)
  # a design too small to fit
  small <- data.frame(x = 1:3, g = c("a", "b", "c"))
  expect_equal(nrow(simulate_lmm(~ x + (x | g), small, params)), 3)
})

test_that("missing or wrong parameters name what is wanted", {
  params <- list(beta = 1, theta = c(1, 0, 1), sigma = 1)
  e <- expect_rlmm_error(simulate_lmm(~ Days + (Days | Subject), sleepstudy, params), "newparams",
    "'beta'", "'(Intercept)' and 'Days'")
  params <- list(beta = c(1, 1), theta = 1, sigma = 1)
  expect_rlmm_error(simulate_lmm(~ Days + (Days | Subject), sleepstudy, params), "newparams",
    "'theta'", "Subject.Days.(Intercept)")
  expect_rlmm_error(simulate_lmm(~ Days + (Days | Subject), sleepstudy, params[1:2]), "newparams")
  expect_rlmm_error(simulate_lmm(~ Days + (Days | Subject), sleepstudy), "newparams")
  expect_rlmm_error(simulate_lmm(~ x + (1 | g), newparams = params), "newdata")
})
