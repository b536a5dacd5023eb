# Standard errors from the joint covariance as a dense matrix, a row at a time.
dense_se <- function(fit) {
  full <- cbind(as.matrix(getME(fit, "Z")), getME(fit, "X"))
  sqrt(rowSums((full %*% vcov(fit, full = TRUE)) * full))
}

test_that("standard errors are those of the joint covariance", {
  for (name in c("slope", "slope_ml", "split", "three", "weighted", "pastes", "deficient", "poly",
    "insteval", "singular")) {
    fit <- our_fit(name)
    both <- predict(fit, se.fit = TRUE)
    expect_equal(unname(both$se.fit), unname(dense_se(fit)), label = name, tolerance = 1e-8)
    expect_equal(both$fit, fitted(fit))
    population <- predict(fit, re.form = NA, se.fit = TRUE)$se.fit
    X <- model.matrix(fit)
    expect_equal(unname(population), unname(sqrt(rowSums((X %*% vcov(fit)) * X))),
      tolerance = 1e-8, label = name)
  }
})

test_that("the joint covariance is Henderson's", {
  for (name in c("slope", "three", "weighted")) {
    fit <- our_fit(name)
    Z <- as.matrix(getME(fit, "Z"))
    X <- model.matrix(fit)
    L <- as.matrix(getME(fit, "Lambda"))
    w <- weights(fit)
    V <- diag(1 / w) + tcrossprod(Z %*% L)
    K <- solve(crossprod(X, solve(V, X)), t(solve(V, X)))
    # errors b_hat - b and beta_hat - beta as linear maps of b and of the residuals
    M <- tcrossprod(L) %*% t(Z) %*% solve(V, diag(nrow(X)) - X %*% K)
    from_b <- rbind(M %*% Z - diag(ncol(Z)), K %*% Z)
    from_e <- rbind(M, K)
    expected <- from_b %*% tcrossprod(L) %*% t(from_b) + from_e %*% diag(1 / w) %*% t(from_e)
    expect_equal(unname(vcov(fit, full = TRUE)), unname(expected) * sigma(fit)^2, tolerance = 1e-7,
      label = name)
    beta <- names(fixef(fit))
    expect_equal(vcov(fit, full = TRUE)[beta, beta], vcov(fit), tolerance = 1e-8)
  }
})

test_that("new data, new levels and parts of the terms", {
  fit <- our_fit("slope")
  Sigma <- plain(VarCorr(fit)$Subject)
  z <- c(1, 4)
  new <- data.frame(Days = 4, Subject = c("308", "stranger"))
  se <- predict(fit, new, allow.new.levels = TRUE, se.fit = TRUE)$se.fit
  expect_equal(se[[1]], predict(fit, se.fit = TRUE)$se.fit[[5]])
  fixed <- drop(z %*% vcov(fit) %*% z)
  spread <- drop(z %*% Sigma %*% z)
  expect_equal(se[[2]], sqrt(fixed + spread))
  expect_error(predict(fit, new, se.fit = TRUE), class = "rlmm_new_levels")
  population <- predict(fit, new, re.form = NA, interval = "prediction")
  half <- qnorm(0.975) * sqrt(fixed + spread + sigma(fit)^2)
  expect_equal(population[1, "upr"] - population[1, "fit"], half)
  expect_equal(predict(fit, data.frame(Days = 4), re.form = NA, interval = "prediction")[1, ],
    population[1, ])
  part <- predict(fit, new[1, ], re.form = ~ (1 | Subject), se.fit = TRUE)$se.fit[[1]]
  full <- vcov(fit, full = TRUE)
  at <- c("(Intercept)|Subject:308", "(Intercept)", "Days")
  v <- c(1, 1, 4)
  expect_equal(part, sqrt(drop(v %*% full[at, at] %*% v)))
  wide <- predict(fit, new[1, ], re.form = ~ (1 | Subject), interval = "prediction")
  expect_equal(wide[1, "upr"] - wide[1, "fit"],
    qnorm(0.975) * sqrt(part^2 + 16 * Sigma[2, 2] + sigma(fit)^2))
  alone <- predict(fit, new[1, ], random.only = TRUE, se.fit = TRUE)$se.fit[[1]]
  at <- c("(Intercept)|Subject:308", "Days|Subject:308")
  expect_equal(alone, sqrt(drop(z %*% full[at, at] %*% z)))
})

test_that("level, df, weights and the shape of the result", {
  fit <- our_fit("weighted")
  ci <- predict(fit, interval = "confidence", level = 0.9, df = 10)
  se <- predict(fit, se.fit = TRUE)$se.fit
  expect_equal(ci[, "lwr"], fitted(fit) - qt(0.95, 10) * se)
  pi <- predict(fit, interval = "prediction")
  expect_equal(pi[, "upr"], fitted(fit) + qnorm(0.975) * sqrt(se^2 + sigma(fit)^2 / weights(fit)))
  heavy <- predict(fit, method_data()[1:2, ], interval = "prediction", weights = 4)
  expect_equal(heavy[, "upr"],
    fitted(fit)[1:2] + qnorm(0.975) * sqrt(se[1:2]^2 + sigma(fit)^2 / 4))
  expect_named(predict(fit, se.fit = TRUE), c("fit", "se.fit", "df", "residual.scale"))
  padded <- predict(our_fit("exclude"), interval = "confidence")
  expect_equal(nrow(padded), 180)
  expect_true(all(is.na(padded[3, ])))
  expect_error(predict(fit, interval = "confidence", level = 95), class = "rlmm_bad_argument")
  expect_error(predict(fit, interval = "confidence", df = -1), class = "rlmm_bad_argument")
  expect_error(predict(fit, se.fit = NA), class = "rlmm_bad_argument")
})

test_that("missing values give missing intervals", {
  fit <- our_fit("slope")
  new <- data.frame(Days = c(1, NA), Subject = "308")
  out <- predict(fit, new, interval = "prediction")
  expect_true(all(is.na(out[2, ])))
  expect_false(anyNA(out[1, ]))
})

test_that("prediction intervals have their coverage", {
  set.seed(4)
  groups <- 60
  covered <- replicate(20, {
    d <- data.frame(g = rep(seq_len(groups + 20), each = 5), x = rnorm(5 * (groups + 20)))
    d$y <- 1 + d$x + rnorm(groups + 20)[d$g] + rnorm(nrow(d))
    fit <- suppressMessages(rlmm(y ~ x + (1 | g), d[d$g <= groups, ]))
    new <- d[d$g > groups, ]
    out <- predict(fit, new, allow.new.levels = TRUE, interval = "prediction")
    mean(new$y > out[, "lwr"] & new$y < out[, "upr"])
  })
  expect_gt(mean(covered), 0.93)
  expect_lt(mean(covered), 0.97)
})
