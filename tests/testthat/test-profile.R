# profile(): curves are constrained optima, also where estimates lie on the boundary; the object is
# lme4's thpr.

sleep_profile <- function() {
  if (is.null(shared$profile)) shared$profile <- profile(our_fit("slope"))
  shared$profile
}

# What brute force finds: 2e-4 is how far cubic polynomials between the points may be off.
expect_brute <- function(..., tolerance = 1e-3) {
  expect_lt(expect_silent(worst_zeta(...)), tolerance)
}

test_that("curves are constrained optima of usual fits", {
  fit <- quiet_fit(y ~ x + (x | g), slopes_data(6))
  expect_brute(fit)
  expect_brute(fit, criterion = "REML")
  expect_brute(quiet_fit(y ~ x + (x | g), slopes_data(6), REML = FALSE), which = c(1, 3, 5))
  expect_brute(quiet_fit(y ~ x + (x || g), slopes_data(9)))
})

test_that("curves are constrained optima of fits on the boundary", {
  expect_brute(quiet_fit(y ~ x + (x | g), slopes_data(1, groups = 6)), which = "theta_")
  expect_brute(quiet_fit(y ~ x + (x | g), slopes_data(2, sd = c(1, 0))), which = "theta_")
  expect_brute(quiet_fit(y ~ x + (x | g), slopes_data(3, cor = 0.99)))
  expect_brute(quiet_fit(y ~ x + (x | g), slopes_data(4, sd = c(0, 0))))
  expect_brute(quiet_fit(y ~ x + (1 | g), slopes_data(5, groups = 6, sd = c(0, 0.5))))
})

test_that("weights, offsets, crossed factors, and scales of columns do not matter", {
  set.seed(6)
  d <- expand.grid(a = factor(1:6), b = factor(1:5), again = 1:2)
  d$w <- runif(60, 0.2, 3)
  d$o <- rnorm(60)
  d$y <- rnorm(6)[d$a] + d$o + rnorm(60) / sqrt(d$w)
  expect_brute(quiet_fit(y ~ 1 + (1 | a) + (1 | b), d, weights = w, offset = o))
  expect_brute(quiet_fit(y ~ 1 + (1 | a) + (1 | b), d), criterion = "REML")

  d <- slopes_data(6)
  d$X <- 1e4 + 1e3 * d$x
  plain <- confint(quiet_fit(y ~ x + (x | g), d))
  far <- confint(quiet_fit(y ~ X + (X | g), d))
  expect_equal(far[c(".sig02", "X"), ] * 1e3, plain[c(".sig02", "x"), ], tolerance = 1e-5,
    ignore_attr = TRUE)
  expect_equal(far[".sigma", ], plain[".sigma", ], tolerance = 1e-5)
})

test_that("a term of three columns, and a curve that breaks", {
  fit <- broken_fit()
  expect_brute(fit, "REML", which = 2, zetas = c(1, 1.3, 1.5, 1.58, 1.65, 1.96))
  expect_brute(fit, which = c(1, 4, 6, 7, 9), starts = 10)
})

test_that("the curve of a correlation turns flat where a standard deviation is zero", {
  set.seed(3)
  d <- data.frame(g = factor(rep(1:8, each = 4)), x = rep(c(-1, -0.3, 0.3, 1), 8))
  b <- rnorm(8)
  d$y <- b[d$g] + 0.5 * b[d$g] * d$x + rnorm(32)
  fit <- quiet_fit(y ~ x + (x | g), d)
  curve <- profile_curves(profile(fit, 3))[[1]]
  expect_brute(fit, which = 3, zetas = c(-0.5, -1.5, -1.96, -2.1, -2.2))
  # its level is that without the term's slope, or without its intercept
  ml <- function(formula) deviance(quiet_fit(formula, d, REML = FALSE))
  level <- min(ml(y ~ x + (1 | g)), ml(y ~ x + (0 + x | g))) - ml(y ~ x + (x | g))
  expect_equal(curve$zeta[1], -sqrt(level), tolerance = 1e-5)
  expect_equal(confint(fit, 3)[[2]], 1)
})

test_that("the points are on the curve, the estimates in its middle", {
  pr <- sleep_profile()
  ml <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE)
  middle <- pr[pr$.zeta == 0, ]
  estimates <- c(as.data.frame(VarCorr(ml))$sdcor, fixef(ml))
  for (i in seq_len(nrow(middle))) {
    expect_equal(unlist(middle[i, 2:7]), estimates, tolerance = 1e-4, ignore_attr = TRUE)
  }
  expect_equal(attr(pr, "minimum"), deviance(ml), tolerance = 1e-9)
  for (own in split(pr, pr$.par)) {
    value <- own[[as.character(own$.par[1])]]
    expect_true(all(diff(value) > 0) && all(diff(own$.zeta) > 0))
    # the correlation's ends at one
    ends <- if (own$.par[1] == ".sig03") min(own$.zeta) else range(own$.zeta)
    expect_gt(min(abs(ends)), sqrt(qchisq(0.99, 6)))
  }
})

test_that("the object has the form of lme4's", {
  skip_if_not_installed("lme4")
  pr <- sleep_profile()
  expect_s3_class(pr, c("rlmm_profile", "thpr", "data.frame"), exact = TRUE)
  theirs <- suppressWarnings(profile(lme4_fit("pastes"), which = "theta_"))
  ours <- profile(our_fit("pastes"), which = "theta_")
  expect_named(ours, names(theirs))
  expect_equal(levels(ours$.par), levels(theirs$.par))
  expect_equal(setdiff(names(as.data.frame(ours)), names(as.data.frame(theirs))), ".loglik")
  expect_named(logProf(ours), names(lme4::logProf(theirs)))
  expect_named(varianceProf(ours), names(lme4::varianceProf(theirs)))
  expect_equal(confint(ours), confint(theirs), tolerance = 1e-4)
  # where the interval reaches zero the logarithm's lower limit is -Inf here
  reach <- which(confint(ours) > 0)
  expect_equal(confint(log(ours))[reach], confint(log(theirs))[reach], tolerance = 1e-3)
  expect_equal(confint(log(ours))[-reach], -Inf)
  expect_equal(confint(varianceProf(ours)), confint(lme4::varianceProf(theirs)), tolerance = 1e-3)
  missing <- setdiff(names(formals(utils::getFromNamespace("profile.merMod", "lme4"))),
    names(formals(profile.rlmm)))
  expect_equal(missing, character())
})

test_that("the data frame has the held value and the log-likelihood", {
  pr <- sleep_profile()
  plain <- as.data.frame(pr)
  expect_s3_class(plain, "data.frame", exact = TRUE)
  own <- plain$.par == "Days"
  expect_equal(plain$.focal[own], pr$Days[own])
  # a fit with the value held: its offset
  day <- plain[own, ][3, ]
  held <- rlmm(Reaction ~ 1 + offset(day$.focal * Days) + (Days | Subject), sleepstudy,
    REML = FALSE)
  expect_equal(day$.loglik, as.numeric(logLik(held)), tolerance = 1e-8)
  expect_equal(day$.zeta^2, deviance(held) - attr(pr, "minimum"), tolerance = 1e-5)
})

test_that("other scales have the same intervals, transformed", {
  pr <- sleep_profile()
  limits <- confint(pr)
  for (base in c(exp(1), 2)) {
    logs <- confint(logProf(pr, base))
    expect_equal(base^logs[c(1, 2, 4), ], limits[c(1, 2, 4), ], ignore_attr = TRUE,
      tolerance = 1e-8)
    expect_equal(logs[c(3, 5, 6), ], limits[c(3, 5, 6), ])
  }
  expect_equal(rownames(confint(logProf(pr, ranef = FALSE)))[c(1, 4)], c(".sig01", ".lsigma"))
  squares <- confint(varianceProf(pr))
  expect_equal(sqrt(squares[c(1, 2, 4), ]), limits[c(1, 2, 4), ], ignore_attr = TRUE,
    tolerance = 1e-8)
  expect_equal(rownames(squares), c(".sigsq01", ".sigsq02", ".sig03", ".sigmasq", "(Intercept)",
    "Days"))
  direct <- confint(profile(our_fit("slope"), prof.scale = "varcov", signames = FALSE))
  expect_equal(direct[c(1, 2, 4), ], squares[c(1, 2, 4), ], ignore_attr = TRUE, tolerance = 1e-4)
  expect_equal(rownames(direct)[1:4], c("var_(Intercept)|Subject", "var_Days|Subject",
    "cov_Days.(Intercept)|Subject", "sigma^2"))
  expect_rlmm_error(logProf(logProf(pr)), "bad_argument", "sdcor")
  expect_rlmm_error(logProf(pr, base = 1), "bad_argument", "base")
})

test_that("a covariance's curve consists of constrained optima", {
  fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE)
  pr <- profile(fit, 3, prof.scale = "varcov", signames = FALSE)
  curve <- profile_curves(pr)[[1]]
  f <- as.function(fit)
  at <- seq(1, length(curve$at), by = 4)
  for (k in at) {
    # two relative standard deviations are free, the correlation follows from the covariance
    held <- curve$at[k]
    criterion <- function(log_sd) {
      sd <- exp(log_sd)
      S <- matrix(c(sd[1]^2, held, held, sd[2]^2), 2) / exp(2 * log_sd[3])
      if (det(S) <= 0) return(1e10)
      theta <- t(chol(S))[lower.tri(S, TRUE)]
      # as.function() has sigma at its best; add what another one costs
      f(theta) + extra(theta, exp(log_sd[3]))
    }
    extra <- function(theta, sigma) {
      best <- attr(f(theta), "sigma")
      if (is.null(best)) best <- sqrt(pwrss(theta) / 180)
      180 * (2 * log(sigma / best) + best^2 / sigma^2 - 1)
    }
    pwrss <- function(theta) {
      # from D = ldL2 + n (1 + log(2 pi pwrss / n))
      Lt <- matrix(c(theta[1:2], 0, theta[3]), 2)
      Zi <- cbind(1, 0:9)
      logdet <- 18 * log(det(diag(2) + t(Lt) %*% crossprod(Zi) %*% Lt))
      180 * exp((f(theta) - logdet) / 180 - 1) / (2 * pi)
    }
    start <- log(unlist(pr[k, c(2, 3, 5)])) / 2
    found <- optim(start, criterion, control = list(maxit = 4000, reltol = 1e-13))$value
    expect_equal(sqrt(max(0, found - attr(pr, "minimum"))), abs(curve$zeta[k]), tolerance = 1e-3)
  }
})

test_that("variance parameters have profiles of the REML criterion, fixed effects do not", {
  fit <- our_fit("slope")
  pr <- profile(fit, criterion = "REML")
  expect_equal(levels(pr$.par), c(".sig01", ".sig02", ".sig03", ".sigma"))
  expect_equal(attr(pr, "minimum"), fit$criterion, tolerance = 1e-9)
  expect_output(print(pr), "REML criterion.*fixed effects have no REML profile")
  expect_output(print(sleep_profile()), "deviance")
  expect_rlmm_error(profile(fit, "Days", criterion = "REML"), "no_reml_profile", "'Days'")
  expect_rlmm_error(confint(fit, "Days", criterion = "REML"), "no_reml_profile")
  expect_equal(rownames(confint(fit, "theta_", criterion = "REML")), levels(pr$.par))
})

test_that("a lower criterion on the way is told as a defect", {
  fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE)
  wrong <- fit
  wrong$theta <- fit$theta * c(0.5, 1, 1)
  warned <- expect_warning(profile(wrong), class = "rlmm_lower_criterion")
  expect_match(conditionMessage(warned), "defect of rlmm")
  better <- as.function(fit)(warned$theta)
  expect_lt(better, as.function(fit)(wrong$theta) - 0.1)
})

test_that("a profile that ends too soon is told, with the reason", {
  fit <- our_fit("slope")
  pr <- profile(fit, alphamax = 0.6)
  expect_warning(limits <- confint(pr, level = 0.999), "smaller 'alphamax'",
    class = "rlmm_profile_too_short")
  expect_true(all(is.na(limits)))
  few <- profile(fit, "Days", maxpts = 4, delta = 0.1)
  expect_warning(confint(few), "larger 'maxpts'", class = "rlmm_profile_too_short")
  expect_silent(confint(pr, level = 0.5))
})

test_that("models without fixed effects, and nearly perfect fits", {
  fit <- quiet_fit(y ~ 0 + (x | g), slopes_data(6))
  expect_equal(rownames(confint(fit)), c(".sig01", ".sig02", ".sig03", ".sigma"))
  expect_brute(fit, which = c(1, 4))
  d <- slopes_data(6)
  d$near <- d$x / 2 + as.numeric(d$g) + (d$y - 1) * 1e-6
  scaled <- confint(quiet_fit(near ~ x + (1 | g), d), ".sigma")
  d$wide <- d$x / 2 + as.numeric(d$g) + (d$y - 1)
  expect_equal(scaled[1, ] * 1e6, confint(quiet_fit(wide ~ x + (1 | g), d), ".sigma")[1, ],
    tolerance = 0.05)
})

test_that("threads do not change a profile", {
  # the last one is large enough for more than one thread
  for (name in c("slope", "penicillin", "insteval")) {
    fit <- our_fit(name)
    run <- function(n) {
      fit$control <- rlmm_control(threads = n)
      profile(fit)
    }
    one <- run(1)
    expect_identical(run(2), one)
    expect_identical(run(8), one)
  }
})

test_that("summary tells how skew a curve is", {
  pr <- sleep_profile()
  table <- summary(pr)
  expect_equal(as.matrix(table[2:3]), confint(pr), ignore_attr = TRUE)
  expect_gt(table[".sig01", "skew"], 0.2)
  expect_equal(table["Days", "skew"], 0, tolerance = 1e-3)
  expect_output(print(pr), "skew")
  expect_output(print(pr[1:3, ]), ".zeta")
  expect_rlmm_error(confint(pr[1:3, ]), "bad_argument", "lost the curves")
})

test_that("wrong arguments are classed errors", {
  fit <- our_fit("slope")
  expect_rlmm_error(profile(fit, "day"), "unknown_name", "'day'", ".sig01", "theta_")
  expect_rlmm_error(profile(fit, 9), "unknown_name", "9")
  expect_rlmm_error(profile(fit, TRUE), "bad_argument")
  expect_rlmm_error(profile(fit, criterion = "ML"), "bad_argument")
  expect_rlmm_error(profile(fit, prof.scale = "log"), "bad_argument")
  expect_rlmm_error(profile(fit, delta = -1), "bad_argument", "delta")
  expect_rlmm_error(profile(fit, points = 3), "bad_argument", "points")
  expect_rlmm_error(confint(sleep_profile(), "day"), "unknown_name", "'day'")
})

test_that("an interrupt stops a long profile", {
  skip_on_cran()
  skip_on_os("windows")
  skip_if_not(installed())
  out <- run_in_new_session(c(
    "suppressMessages(library(rlmm))", "set.seed(1)", "n <- 40000",
    "d <- data.frame(a = sample(1500, n, TRUE), b = sample(1500, n, TRUE), x = rnorm(n))",
    "d$y <- rnorm(1500)[d$a] + rnorm(1500)[d$b] + rnorm(n)",
    "fit <- rlmm(y ~ x + (1 | a) + (1 | b), d)",
    "system(sprintf('(sleep 0.5; kill -INT %d) &', Sys.getpid()))",
    "t <- system.time(r <- tryCatch(profile(fit), interrupt = function(e) 'stopped'))[[3]]",
    "cat(identical(r, 'stopped'), t < 2.5, nrow(profile(rlmm(y ~ 1 + (1 | a), d[1:500, ]))) > 9)"))
  expect_equal(utils::tail(out, 1), "TRUE TRUE TRUE")
})
