# beta, its standard errors and sigma of the model without some rows, theta fixed, densely.
dense_without <- function(fit, I) {
  Z <- as.matrix(getME(fit, "Z"))
  X <- model.matrix(fit)
  w <- weights(fit)
  V <- diag(1 / w) + tcrossprod(Z %*% as.matrix(getME(fit, "Lambda")))
  keep <- -I
  R <- chol(V[keep, keep])
  Xs <- backsolve(R, X[keep, , drop = FALSE], transpose = TRUE)
  ys <- backsolve(R, (getME(fit, "y") - getME(fit, "offset"))[keep], transpose = TRUE)
  fit_ls <- lm.fit(Xs, ys)
  d <- length(ys) - if (isREML(fit)) ncol(X) else 0
  sigma <- sqrt(sum(fit_ls$residuals^2) / d)
  list(beta = stats::setNames(fit_ls$coefficients, colnames(X)), sigma = sigma,
    se = stats::setNames(sigma * sqrt(diag(solve(crossprod(Xs)))), colnames(X)))
}

# The same with a sparse factor of the Schur complement in place of its inverse.
with_sparse_factor <- function(parts) {
  S <- Matrix::forceSymmetric(Matrix::Matrix(solve(parts$joint$inverse), sparse = TRUE))
  factor <- Matrix::Cholesky(S, LDL = FALSE)
  parts$joint$inverse <- NULL
  parts$joint$solve <- function(right) as.matrix(Matrix::solve(factor, right))
  parts
}

test_that("leverages and standardised residuals are lme4's", {
  for (name in c("slope", "slope_ml", "split", "three", "weighted", "pastes", "exclude",
    "insteval")) {
    ours <- our_fit(name)
    theirs <- lme4_fit(name)
    expect_equal(hatvalues(ours), hatvalues(theirs), tolerance = 1e-3, label = name)
    expect_equal(rstandard(ours), rstudent(theirs), tolerance = 1e-3, label = name)
    expect_equal(cooks.distance(ours, "fitted"), cooks.distance(theirs), tolerance = 2e-3,
      label = name)
  }
  H <- hatvalues(our_fit("three"), fullHatMatrix = TRUE)
  expect_equal(diag(H), hatvalues(our_fit("three")))
  expect_equal(unname(H), unname(as.matrix(hatvalues(lme4_fit("three"), fullHatMatrix = TRUE))),
    tolerance = 1e-3)
  expect_equal(drop(H %*% getME(our_fit("three"), "y")), fitted(our_fit("three")))
})

test_that("leaving out an observation is exact at fixed theta", {
  for (name in c("slope", "slope_ml", "three", "weighted", "offset", "deficient")) {
    fit <- our_fit(name)
    ours <- influence(fit)
    student <- rstudent(fit)
    for (i in c(1, 57, 180)) {
      dense <- dense_without(fit, i)
      expect_equal(ours$fixed_without[i, ], dense$beta, tolerance = 1e-8, label = name)
      expect_equal(ours$se_without[i, ], dense$se, tolerance = 1e-8, label = name)
      expect_equal(ours$sigma_without[[i]], dense$sigma, tolerance = 1e-8, label = name)
      expect_equal(student[[i]], residuals(fit, "pearson")[[i]] /
        (dense$sigma * sqrt(1 - hatvalues(fit)[[i]])), tolerance = 1e-8)
    }
    expect_equal(cooks.distance(ours), cooks.distance(fit))
  }
})

test_that("leaving out a group is exact at fixed theta", {
  cases <- list(slope = "Subject", weighted = "Subject", three = "h", pastes = "cask:batch",
    penicillin = "sample", three = "Subject")
  for (k in seq_along(cases)) {
    fit <- our_fit(names(cases)[k])
    ours <- influence(fit, cases[[k]])
    values <- getME(fit, "flist")[[cases[[k]]]]
    for (level in levels(values)[c(1, 3)]) {
      dense <- dense_without(fit, which(values == level))
      expect_equal(unname(ours$fixed_without[level, ]), unname(dense$beta), tolerance = 1e-8)
      expect_equal(unname(ours$se_without[level, ]), unname(dense$se), tolerance = 1e-8)
      expect_equal(ours$sigma_without[[level]], dense$sigma, tolerance = 1e-8)
      change <- dense$beta - fixef(fit)
      expect_equal(ours$cooks[[level]],
        drop(change %*% solve(vcov(fit), change)) / length(change), tolerance = 1e-7)
    }
  }
})

test_that("large groups and large models give the same by another way", {
  fit <- our_fit("three")
  parts <- leverage_parts(fit)
  rows <- unname(split(seq_len(180), method_data()$h))
  closed <- without_each_group(fit, parts, rows)
  by_rows <- without_by_rust(fit, rows, FALSE)
  expect_equal(by_rows$change, closed$change, tolerance = 1e-7)
  expect_equal(by_rows$se, closed$se, tolerance = 1e-7)
  expect_equal(by_rows$sigma, closed$sigma, tolerance = 1e-9)
  sparse <- with_sparse_factor(parts)
  expect_equal(joint_variance(sparse$joint, parts$rows), joint_variance(parts$joint, parts$rows))
  expect_equal(without_each_group(fit, sparse, rows), closed)
})

test_that("refits are those of the data without the group", {
  fit <- our_fit("slope")
  ours <- influence(fit, "Subject", refit = TRUE)
  expect_true(all(ours$certified))
  d <- method_data()
  for (level in c("308", "335")) {
    alone <- rlmm(Reaction ~ Days + (Days | Subject), droplevels(d[d$Subject != level, ]))
    expect_equal(ours$fixed_without[level, ], fixef(alone), tolerance = 1e-5)
    expect_equal(unname(ours$variances_without[level, ]),
      variance_parameters(alone, "variance")$estimate, tolerance = 1e-4)
    expect_equal(unname(ours$se_without[level, ]), unname(sqrt(diag(vcov(alone)))),
      tolerance = 1e-4)
  }
})

test_that("refits agree with lme4's influence, up to its factor in Cook's distance", {
  theirs <- suppressMessages(influence(lme4_fit("slope"), "Subject", data = method_data()))
  ours <- influence(our_fit("slope"), "Subject", refit = TRUE)
  expect_equal(dfbeta(ours), dfbeta(theirs), tolerance = 2e-2)
  expect_equal(dfbetas(ours), dfbetas(theirs), tolerance = 2e-2)
  expect_equal(unname(cooks.distance(ours)) * (18 - 2) / 18, unname(cooks.distance(theirs)),
    tolerance = 2e-2)
})

test_that("groups come from the model, its frame, the data or a vector", {
  fit <- our_fit("slope")
  d <- method_data()
  by_name <- influence(fit, "Subject")
  expect_equal(influence(fit, d$Subject)$cooks, by_name$cooks)
  expect_equal(influence(fit, "h", data = d)$deleted, letters[1:6])
  expect_equal(influence(fit, "Days")$deleted, as.character(0:9))
  expect_error(influence(fit, "planet"), "planet", class = "rlmm_unknown_name")
  expect_error(influence(fit, 1:3), class = "rlmm_bad_argument")
})

test_that("a group without which a fixed effect cannot be estimated is NA", {
  d <- method_data()
  d$only <- as.numeric(d$Subject == "308") * d$z
  fit <- suppressMessages(rlmm(Reaction ~ Days + only + (1 | Subject), d))
  ours <- influence(fit, "Subject")
  expect_true(is.na(ours$cooks[["308"]]))
  expect_false(anyNA(ours$cooks[-1]))
})

test_that("the methods fit together", {
  fit <- our_fit("slope")
  ours <- influence(fit, "Subject")
  expect_equal(dfbeta(fit, groups = "Subject"), dfbeta(ours))
  expect_equal(dfbetas(ours), dfbeta(ours) / ours$se_without)
  expect_equal(colnames(dfbeta(ours, "var.cov")), rownames(vcov_theta(fit, "variance")))
  expect_named(as.data.frame(ours), c("deleted", "cooks", "sigma", "(Intercept)", "Days"))
  expect_output(print(ours), "left out")
  expect_length(cooks.distance(our_fit("exclude")), 180)
})

test_that("rows of weight zero have no influence", {
  d <- method_data()
  d$w[c(2, 90)] <- 0
  fit <- rlmm(Reaction ~ Days + (Days | Subject), d, weights = w)
  expect_equal(unname(hatvalues(fit)[c(2, 90)]), c(0, 0))
  expect_equal(unname(dfbeta(fit)[2, ]), c(0, 0))
  without <- rlmm(Reaction ~ Days + (Days | Subject), d[-c(2, 90), ], weights = w)
  expect_equal(influence(fit, "Subject")$cooks, influence(without, "Subject")$cooks,
    tolerance = 1e-6)
})

test_that("rows with few entries give the same by pairs", {
  set.seed(6)
  d <- data.frame(a = sample(900, 3000, TRUE), b = sample(700, 3000, TRUE), x = rnorm(3000))
  d$y <- rnorm(900)[d$a] + rnorm(700)[d$b] + d$x + rnorm(3000)
  fit <- rlmm(y ~ x + (1 | a) + (1 | b), d)
  parts <- leverage_parts(fit)
  by_row <- Matrix::t(parts$rows$t)
  i <- c(1:50, 2999:3000)
  expect_equal(quadratic_by_pairs(by_row, i, parts$joint$inverse),
    unname(quadratic_by_solving(by_row[, i], parts$joint)))
  expect_lt(40 * sum(diff(by_row@p)^2), nrow(by_row) * sum(diff(by_row@p)))
  both <- cbind(as.matrix(getME(fit, "Z")), model.matrix(fit))[i, ]
  expect_equal(unname(hatvalues(fit)[i]),
    unname(rowSums((both %*% vcov(fit, full = TRUE)) * both)) / sigma(fit)^2)
})
