# Minus twice the log-likelihood, or the REML criterion, of theta and log sigma from dense matrices.
dense_criterion <- function(fit) {
  Z <- as.matrix(getME(fit, "Z"))
  X <- model.matrix(fit)
  y <- getME(fit, "y")
  w <- weights(fit)
  m <- length(fit$theta)
  function(par) {
    fit$theta <- par[seq_len(m)]
    scaled <- Z %*% as.matrix(getME(fit, "Lambda"))
    R <- chol(exp(2 * par[m + 1]) * (diag(1 / w) + tcrossprod(scaled)))
    q <- qr(backsolve(R, X, transpose = TRUE))
    r <- qr.resid(q, backsolve(R, y, transpose = TRUE))
    reml <- if (isREML(fit)) 2 * sum(log(abs(diag(qr.R(q))))) else 0
    2 * sum(log(diag(R))) + sum(r^2) + reml
  }
}

test_that("standard errors of variances are those of the observed information", {
  dietox_fit <- rlmm(Weight ~ Time + (1 | Pig), dietox)
  table <- variance_parameters(dietox_fit, "variance")
  expect_equal(table$estimate, c(40.39395, 11.36692), tolerance = 1e-5)
  expect_equal(table$std_error, c(6.9389, 0.57265), tolerance = 1e-5)
  skip_if_not_installed("MASS")
  sitka <- rlmm(size ~ Time + (1 | tree), MASS::Sitka)
  expect_equal(variance_parameters(sitka, "variance")$std_error, c(0.061229, 0.0031240),
    tolerance = 1e-5)
})

test_that("the covariance is the inverse of a dense Hessian", {
  for (name in c("slope", "slope_ml", "weighted", "split", "pastes")) {
    fit <- our_fit(name)
    par <- c(fit$theta, log(sigma(fit)))
    H <- optimHess(par, dense_criterion(fit), control = list(ndeps = rep(1e-3, length(par))))
    ours <- vcov_theta(fit, "theta")
    expect_equal(unname(plain(ours)), unname(2 * solve(H)), tolerance = 1e-4, label = name)
  }
})

test_that("other scales follow by numerical derivatives", {
  fit <- our_fit("three")
  m <- length(fit$theta)
  par <- c(fit$theta, log(sigma(fit)))
  on_scale <- function(par, scale) {
    fit$theta <- par[seq_len(m)]
    fit$sigma <- exp(par[m + 1])
    scale_change(fit, scale)$estimate
  }
  for (scale in c("sdcor", "variance", "log")) {
    J <- vapply(seq_along(par), function(k) {
      h <- replace(numeric(length(par)), k, 1e-6)
      (on_scale(par + h, scale) - on_scale(par - h, scale)) / 2e-6
    }, numeric(length(par)))
    expected <- J %*% vcov_theta(fit, "theta") %*% t(J)
    expect_equal(unname(plain(vcov_theta(fit, scale))), unname(expected), tolerance = 1e-5)
  }
})

test_that("estimates are those of VarCorr", {
  fit <- our_fit("three")
  ours <- variance_parameters(fit)
  theirs <- as.data.frame(VarCorr(fit))
  expect_equal(ours$estimate, theirs$sdcor)
  expect_equal(ours[c("group", "var1", "var2")], setNames(theirs[c("grp", "var1", "var2")],
    c("group", "var1", "var2")))
  expect_equal(variance_parameters(fit, "variance")$estimate, theirs$vcov)
  expect_equal(rownames(vcov_theta(our_fit("slope"))), c("sd_(Intercept)|Subject",
    "sd_Days|Subject", "cor_Days.(Intercept)|Subject", "sigma"))
})

test_that("a singular term has no standard errors, the others have", {
  table <- variance_parameters(our_fit("singular"))
  expect_equal(is.na(table$std_error), c(TRUE, FALSE))
  expect_equal(table$std_error[2], sigma(our_fit("singular")) / sqrt(2 * 29), tolerance = 1e-6)
  expect_error(vcov_theta(lm(1 ~ 1)), class = "rlmm_no_method")
})
