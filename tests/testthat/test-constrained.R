quietly <- function(expr) suppressMessages(expr)

test_that("uncorrelated effects are those of ||", {
  for (REML in c(TRUE, FALSE)) {
    full <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy, REML = REML)
    held <- fit_constrained(full, c("cor_Days.(Intercept)|Subject" = 0))
    split <- rlmm(Reaction ~ Days + (Days || Subject), sleepstudy, REML = REML)
    expect_equal(held$criterion, split$criterion, tolerance = 1e-9)
    expect_equal(held$theta[c(1, 3)], split$theta, tolerance = 1e-5)
    expect_equal(held$theta[2], 0)
    expect_equal(sigma(held), sigma(split), tolerance = 1e-6)
    expect_equal(logLik(held), logLik(split), tolerance = 1e-9, ignore_attr = "nall")
    expect_true(optinfo(held)$certificate$certified)
  }
})

test_that("a constraint at the estimate changes nothing", {
  full <- our_fit("three")
  estimates <- variance_parameters(full)
  for (k in seq_len(nrow(estimates))) {
    value <- stats::setNames(estimates$estimate[k], estimates$parameter[k])
    held <- fit_constrained(full, value)
    expect_equal(held$criterion, full$criterion, tolerance = 1e-9, label = names(value))
    expect_equal(held$theta, full$theta, tolerance = 1e-4)
    expect_equal(sigma(held), sigma(full), tolerance = 1e-5)
  }
})

test_that("values hold, and no other value of the free parameters is better", {
  full <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE)
  fixed <- c("sd_Days|Subject" = 4, "cor_Days.(Intercept)|Subject" = 0.5)
  held <- fit_constrained(full, fixed)
  found <- as.data.frame(VarCorr(held))
  expect_equal(found$sdcor[2:3], unname(fixed), tolerance = 1e-10)
  # the deviance by its definition, with dense matrices
  Z <- as.matrix(getME(full, "Z"))
  X <- model.matrix(full)
  y <- getME(full, "y")
  deviance_at <- function(phi) {
    s <- exp(phi[1])
    Sigma <- matrix(c(s^2, 2 * s, 2 * s, 16), 2)
    V <- exp(2 * phi[2]) * diag(180) + Z %*% kronecker(diag(18), Sigma) %*% t(Z)
    R <- chol(V)
    Xt <- backsolve(R, X, transpose = TRUE)
    e <- qr.resid(qr(Xt), backsolve(R, y, transpose = TRUE))
    2 * sum(log(diag(R))) + sum(e^2) + 180 * log(2 * pi)
  }
  own <- c(log(found$sdcor[1]), log(sigma(held)))
  expect_equal(deviance_at(own), held$criterion, tolerance = 1e-9)
  expect_equal(as.numeric(-2 * logLik(held)), held$criterion)
  best <- stats::optim(own, deviance_at, method = "BFGS", control = list(reltol = 1e-14))
  expect_gt(best$value, held$criterion - 1e-7)
  expect_equal(best$par, own, tolerance = 1e-3)
})

test_that("several terms, by a search in all free parameters", {
  d <- method_data()
  full <- quietly(rlmm(y ~ Days + (Days | Subject) + (1 | h), d))
  fixed <- c("cor_Days.(Intercept)|Subject" = -0.3, "sd_(Intercept)|h" = 12)
  held <- quietly(fit_constrained(full, fixed))
  Z <- as.matrix(getME(full, "Z"))
  X <- model.matrix(full)
  y <- getME(full, "y")
  # standard deviations of intercept and slope, and sigma, by their logarithms
  REML_at <- function(phi) {
    s <- exp(phi)
    Sigma <- outer(s[1:2], s[1:2]) * matrix(c(1, -0.3, -0.3, 1), 2)
    G <- matrix(0, 42, 42)
    G[1:36, 1:36] <- kronecker(diag(18), Sigma)
    diag(G)[37:42] <- 144
    R <- chol(s[3]^2 * diag(180) + Z %*% G %*% t(Z))
    q <- qr(backsolve(R, X, transpose = TRUE))
    e <- qr.resid(q, backsolve(R, y, transpose = TRUE))
    2 * sum(log(diag(R))) + 2 * sum(log(abs(diag(qr.R(q))))) + sum(e^2) + 178 * log(2 * pi)
  }
  own <- log(c(attr(VarCorr(held)$Subject, "stddev"), sigma(held)))
  expect_equal(REML_at(own), held$criterion, tolerance = 1e-9)
  best <- stats::optim(log(c(20, 5, 30)), REML_at, control = list(reltol = 1e-13, maxit = 2000))
  expect_gt(best$value, held$criterion - 1e-7)
  expect_equal(best$value, held$criterion, tolerance = 1e-7)
  expect_equal(best$par, own, tolerance = 1e-3, ignore_attr = TRUE)
})

test_that("a known residual variance, as in a meta-analysis", {
  set.seed(2)
  k <- 30
  d <- data.frame(study = factor(seq_len(k)), v = stats::runif(k, 0.5, 2))
  d$y <- 1 + stats::rnorm(k, 0, 0.7) + stats::rnorm(k, 0, sqrt(d$v))
  free <- quietly(rlmm(y ~ 1 + (1 | study), d, weights = 1 / v, REML = FALSE,
    control = rlmm_control(check = list(nobs_vs_nlev = "ignore", nobs_vs_nRE = "ignore"))))
  held <- fit_constrained(free, c(sigma = 1))
  minus_two <- function(t2, m) sum(log(2 * pi * (t2 + d$v)) + (d$y - m)^2 / (t2 + d$v))
  at <- function(t2) stats::weighted.mean(d$y, 1 / (t2 + d$v))
  best <- stats::optimize(function(t2) minus_two(t2, at(t2)), c(0, 5), tol = 1e-10)
  expect_equal(held$criterion, best$objective, tolerance = 1e-9)
  expect_equal(VarCorr(held)$study[1], best$minimum, tolerance = 1e-4)
  expect_equal(fixef(held)[[1]], at(best$minimum), tolerance = 1e-5)
  expect_equal(vcov(held)[1], 1 / sum(1 / (best$minimum + d$v)), tolerance = 1e-4)
  expect_equal(sigma(held), 1)
  expect_equal(attr(logLik(held), "df"), 2)
})

test_that("three effects, some correlations fixed", {
  d <- method_data()
  full <- quietly(rlmm(y ~ Days + z + (Days + z | Subject), d))
  fixed <- c("cor_Days.(Intercept)|Subject" = 0, "cor_z.(Intercept)|Subject" = 0.3)
  held <- quietly(fit_constrained(full, fixed))
  R <- attr(VarCorr(held)$Subject, "correlation")
  expect_equal(R[2:3, 1], fixed, tolerance = 1e-8, ignore_attr = TRUE)
  expect_gt(held$criterion, full$criterion)
  expect_true(optinfo(held)$certificate$certified)
  all_zero <- quietly(fit_constrained(full, stats::setNames(c(0, 0, 0),
    grep("^cor", variance_parameters(full)$parameter, value = TRUE))))
  split <- quietly(rlmm(y ~ Days + z + (Days + z || Subject), d))
  expect_equal(all_zero$criterion, split$criterion, tolerance = 1e-8)
  last <- quietly(fit_constrained(full, c("cor_z.Days|Subject" = -0.4, "sd_z|Subject" = 10)))
  expect_equal(attr(VarCorr(last)$Subject, "correlation")[3, 2], -0.4, tolerance = 1e-8)
  expect_equal(attr(VarCorr(last)$Subject, "stddev")[[3]], 10)
})

test_that("a variance held at zero, and one that ends there", {
  full <- our_fit("pastes")
  held <- quietly(fit_constrained(full, c("sd_(Intercept)|batch" = 0)))
  less <- quietly(rlmm(strength ~ 1 + (1 | batch:cask), lme4::Pastes))
  expect_equal(held$criterion, less$criterion, tolerance = 1e-8)
  singular <- quietly(fit_constrained(our_fit("singular"), c(sigma = 4)))
  expect_equal(VarCorr(singular)$Batch[1], 0, tolerance = 1e-4)
})

test_that("constraints are kept, tested, and told", {
  full <- our_fit("slope_ml")
  fixed <- c("cor_Days.(Intercept)|Subject" = 0)
  held <- fit_constrained(full, fixed)
  expect_s3_class(held, c("rlmm_constrained", "rlmm"), exact = TRUE)
  table <- suppressMessages(anova(held, full))
  expect_equal(table$Df[2], 1)
  expect_output(print(held), "held fixed: cor_Days.(Intercept)|Subject = 0", fixed = TRUE)
  expect_output(print(summary(held)), "held fixed")
  expect_false("df" %in% colnames(coef(summary(held))))
  again <- refit(held, simulate(held, seed = 1)[[1]])
  expect_equal(again$fixed, fixed)
  expect_equal(again$theta[2], 0)
  d <- method_data()
  fit <- fit_constrained(rlmm(Reaction ~ Days + (Days | Subject), d), fixed)
  expect_equal(update(fit, REML = FALSE)$fixed, fixed)
  expect_equal(refitML(fit)$criterion, held$criterion, tolerance = 1e-8)
  expect_equal(predict(held)[1:3], fitted(held)[1:3])
})

test_that("what does not know of constraints refuses them", {
  held <- fit_constrained(our_fit("slope"), c(sigma = 25))
  for (call in expression(vcov_theta(held), intervals(held), bootMer(held, fixef), profile(held),
    confint(held), multistart(held), ranova(held), step(held), drop1(held), as_merMod(held))) {
    expect_rlmm_error(eval(call), "constraint", "sigma")
  }
})

test_that("impossible constraints are errors", {
  fit <- our_fit("slope")
  expect_rlmm_error(fit_constrained(fit, c(5)), "constraint", "names")
  expect_rlmm_error(fit_constrained(fit, c(sd_x = 5)), "constraint", "sd_x", "sd_Days|Subject")
  expect_rlmm_error(fit_constrained(fit, c(sigma = 0)), "constraint", "sigma")
  expect_rlmm_error(fit_constrained(fit, c("cor_Days.(Intercept)|Subject" = 1.2)), "constraint")
  expect_rlmm_error(fit_constrained(fit, c("cor_Days.(Intercept)|Subject" = 0.5,
    "sd_Days|Subject" = 0)), "constraint", "no variance")
  d <- method_data()
  three <- quietly(rlmm(y ~ Days + z + (Days + z | Subject), d))
  names <- grep("^cor", variance_parameters(three)$parameter, value = TRUE)
  expect_rlmm_error(fit_constrained(three, stats::setNames(c(0.9, 0.9, -0.9), names)), "constraint",
    "no covariance matrix")
})
