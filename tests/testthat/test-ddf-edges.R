# Degrees of freedom where they are hard: other units, weights, boundaries, rank, size, saddle
# points.

all_df <- function(fit, ddf = "Satterthwaite") {
  suppressWarnings(contrast_df(fit, diag(length(fixef(fit))), ddf))
}

test_that("units and origins change nothing, where lmerTest is far off", {
  skip_if_not_installed("lmerTest")
  d <- transform(sleepstudy, later = Days + 100)
  fit <- rlmm(Reaction ~ later + (later | Subject), d)
  # exact in this balanced design: 18 subjects less one
  expect_equal(all_df(fit), c(17, 17), tolerance = 1e-6)
  expect_equal(all_df(fit, "Kenward-Roger"), c(17, 17), tolerance = 1e-6)
  # at the very same optimum
  theirs <- suppressWarnings(suppressMessages(lmerTest::lmer(formula(fit), d, start = fit$theta,
    control = lme4::lmerControl(optimizer = NULL, calc.derivs = FALSE))))
  expect_equal(lme4::REMLcrit(theirs), REMLcrit(fit), tolerance = 1e-9)
  expect_gt(suppressWarnings(coef(summary(theirs))["later", "df"]), 100)
})

# 2 v^2 / var(v) by Richardson's extrapolation of dense formulas, sigma as a parameter of its own.
reference_df <- function(fit, l) {
  Z <- as.matrix(getME(fit, "Z"))
  X <- model.matrix(fit)
  y <- getME(fit, "y") - getME(fit, "offset")
  pieces <- function(par) {
    moved <- fit
    moved$theta <- par[-length(par)]
    V <- par[length(par)]^2 *
      (tcrossprod(Z %*% as.matrix(sparse_Lambda(moved))) + diag(1 / weights(fit)))
    R <- chol(V)
    WX <- backsolve(R, X, transpose = TRUE)
    residuals <- qr.resid(qr(WX), backsolve(R, y, transpose = TRUE))
    list(R = R, XVX = crossprod(WX), rss = sum(residuals^2))
  }
  criterion <- function(par) {
    p <- pieces(par)
    2 * sum(log(diag(p$R))) + p$rss + if (fit$REML) as.numeric(determinant(p$XVX)$modulus) else 0
  }
  variance <- function(par) sum(l * solve(pieces(par)$XVX, l))
  at <- c(fit$theta, fit$sigma)
  H <- numDeriv::hessian(criterion, at)
  g <- numDeriv::grad(variance, at)
  2 * variance(at)^2 / sum(g * (2 * solve(H, g)))
}

test_that("where lmerTest is far off df are those of a reference of high precision", {
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("numDeriv")
  set.seed(3)
  d <- transform(sleepstudy[sort(sample(180, 110)), ], later = Days + 100)
  fit <- rlmm(Reaction ~ later + (later | Subject), d)
  # the same model where differences are safe; the slope is the same contrast
  near <- rlmm(Reaction ~ Days + (Days | Subject), d)
  reference <- c(reference_df(near, c(1, -100)), reference_df(near, c(0, 1)))
  expect_equal(all_df(fit), reference, tolerance = 1e-5)
  theirs <- suppressWarnings(suppressMessages(lmerTest::lmer(formula(fit), d, start = fit$theta,
    control = lme4::lmerControl(optimizer = NULL, calc.derivs = FALSE))))
  expect_equal(lme4::REMLcrit(theirs), REMLcrit(fit), tolerance = 1e-9)
  off <- abs(suppressWarnings(coef(summary(theirs))[, "df"]) / reference - 1)
  expect_gt(max(off), 0.1)
})

test_that("df agree with differences of dense formulas, by REML and ML, with weights and offset", {
  skip_if_not_installed("numDeriv")
  d <- method_data()
  set.seed(8)
  d <- d[sort(sample(180, 120)), ]
  for (REML in c(TRUE, FALSE)) {
    for (fit in list(rlmm(y ~ Days + z + (Days | Subject), d, REML = REML, weights = w, offset = o),
      rlmm(y ~ Days + z + (1 | Subject) + (0 + z | Subject) + (1 | h), d, REML = REML))) {
      for (l in list(c(1, 0, 0), c(0, 1, 0), c(0, 0, 1), c(1, 4, -2))) {
        expect_equal(contrast_df(fit, l), reference_df(fit, l), tolerance = 1e-5)
      }
    }
  }
})

test_that("weights enter Kenward and Roger's method, which dense formulas show", {
  d <- method_data()[c(1:70, 81:150), ]
  fit <- rlmm(Reaction ~ Days + z + (Days | Subject), d, weights = w)
  X <- model.matrix(fit)
  Z <- as.matrix(getME(fit, "Z"))
  V <- tcrossprod(Z %*% as.matrix(getME(fit, "Lambda"))) + diag(1 / d$w)
  same <- outer(d$Subject, d$Subject, `==`)
  z <- cbind(1, d$Days)
  directions <- list(diag(1 / d$w), same * 1, same * outer(d$Days, d$Days, `+`),
    same * outer(d$Days, d$Days))
  W <- solve(V)
  Phi <- solve(t(X) %*% W %*% X)
  P <- W - W %*% X %*% Phi %*% t(X) %*% W
  information <- outer(1:4, 1:4, Vectorize(function(i, j) {
    sum((P %*% directions[[i]]) * t(P %*% directions[[j]])) / 2
  }))
  C <- solve(information)
  U <- 0
  for (i in 1:4) for (j in 1:4) {
    A <- t(X) %*% W %*% directions[[i]] %*% W
    U <- U + C[i, j] * (A %*% directions[[j]] %*% W %*% X -
      A %*% X %*% Phi %*% t(X) %*% W %*% directions[[j]] %*% W %*% X)
  }
  expect_equal(vcov_for_tests(fit, "Kenward-Roger"), fit$sigma^2 * (Phi + 2 * Phi %*% U %*% Phi),
    ignore_attr = TRUE, tolerance = 1e-8)
})

test_that("on the boundary df are lmerTest's, and those of the model without the variance", {
  skip_if_not_installed("lmerTest")
  set.seed(2)
  d <- data.frame(g = gl(8, 5), h = gl(5, 1, 40), x = stats::rnorm(40))
  for (i in 1:6) {
    d$y <- stats::rnorm(40) + 0.4 * stats::rnorm(8)[d$g] + 0.3 * stats::rnorm(8)[d$g] * d$x
    fit <- suppressMessages(rlmm(y ~ x + (x | g), d))
    # its own search ends at another optimum in one of these
    theirs <- suppressWarnings(suppressMessages(lmerTest::lmer(y ~ x + (x | g), d,
      start = fit$theta, control = lme4::lmerControl(optimizer = NULL, calc.derivs = FALSE))))
    expect_equal(all_df(fit), unname(coef(summary(theirs))[, "df"]), tolerance = 1e-3)
    expect_true(all(all_df(fit) <= 38 & all_df(fit, "Kenward-Roger") <= 38))
  }
  d$y <- d$y - ave(d$y, d$h)
  fit <- suppressMessages(rlmm(y ~ x + (1 | g) + (1 | h), d))
  expect_true(isSingular(fit))
  expect_equal(all_df(fit), all_df(rlmm(y ~ x + (1 | g), d)), tolerance = 1e-6)
})

test_that("no variance at all gives the df of a linear model", {
  fit <- suppressMessages(rlmm(Yield ~ 1 + (1 | Batch), model_data("singular")))
  expect_equal(fit$theta, 0)
  expect_equal(all_df(fit), 29)
  ml <- suppressMessages(refitML(fit))
  expect_equal(all_df(ml), 30)
})

test_that("df are finite and at most those of the residuals, for every kind of model", {
  for (name in names(method_models)) {
    fit <- our_fit(name)
    for (ddf in c("Satterthwaite", if (fit$REML) "Kenward-Roger")) {
      df <- all_df(fit, ddf)
      expect_true(all(is.finite(df) & df > 0), label = paste(name, ddf))
      expect_true(all(df <= residual_dimension(fit) * (1 + 1e-8)), label = paste(name, ddf))
    }
  }
})

test_that("Kenward and Roger's method is refused for maximum likelihood", {
  fit <- our_fit("slope_ml")
  expect_rlmm_error(summary(fit, ddf = "Kenward-Roger"), "ddf", "REML", "Satterthwaite")
  expect_rlmm_error(anova(fit, ddf = "Kenward-Roger"), "ddf")
  expect_s3_class(anova(fit), "anova")
})

test_that("it is refused where the memory does not suffice, with what is crossed", {
  fit <- our_fit("penicillin")
  old <- options(rlmm.max_bytes = 100)
  on.exit(options(old))
  expect_rlmm_error(contrast_df(fit, 1, "Kenward-Roger"), "memory", "'plate'", "rlmm.max_bytes",
    "Satterthwaite")
  expect_true(is.finite(contrast_df(fit, 1, "Satterthwaite")))
})

test_that("a fit that is not at an optimum says that it has no df", {
  fit <- our_fit("slope")
  # a saddle: the criterion has its largest value at theta zero along the first column
  fit$theta <- c(0.05, 0, 0.02)
  expect_warning(df <- contrast_df(fit, diag(2)), "not convex", class = "rlmm_ddf")
  expect_true(all(is.na(df)))
  expect_warning(table <- coef(summary(fit)), class = "rlmm_ddf")
  expect_true(all(is.na(table[, "Pr(>|t|)"])))
})

test_that("two terms that say the same share their information", {
  d <- sleepstudy
  d$Twin <- d$Subject
  twins <- suppressWarnings(suppressMessages(rlmm(Reaction ~ Days + (1 | Subject) + (1 | Twin), d)))
  one <- rlmm(Reaction ~ Days + (1 | Subject), d)
  expect_equal(all_df(twins), all_df(one), tolerance = 1e-4)
  expect_equal(all_df(twins, "Kenward-Roger"), all_df(one, "Kenward-Roger"), tolerance = 1e-4)
})

test_that("too few groups for Kenward and Roger's F are told", {
  d <- sleepstudy[sleepstudy$Subject %in% c(308, 309), ]
  d$late <- d$Days > 5
  fit <- suppressMessages(rlmm(Reaction ~ Days * late + (1 | Subject), d))
  found <- expect_warning(kenward_roger_scale(30, 20, 3), "too few groups", class = "rlmm_ddf")
  expect_s3_class(anova(fit, ddf = "Kenward-Roger"), "anova")
})

test_that("df of contrasts that are combined follow Fai and Cornelius", {
  nu <- c(5, 7, 12)
  E <- sum(nu / (nu - 2))
  expect_equal(joint_df(nu), 2 * E / (E - 3))
  expect_equal(joint_df(c(9, 9)), 9)
  expect_equal(joint_df(c(1e9, 1e9 + 1e-3)), 1e9)
  expect_equal(joint_df(c(1.5, 10)), 2)
  # continuous there
  expect_equal(joint_df(c(2 + 1e-9, 10)), 2, tolerance = 1e-6)
  expect_true(is.na(joint_df(c(NA, 3))))
})

test_that("crossed and nested designs of a thousand rows agree with pbkrtest", {
  skip_if_not_installed("pbkrtest")
  set.seed(4)
  n <- 800
  d <- data.frame(a = factor(sample(30, n, TRUE)), b = factor(sample(25, n, TRUE)),
    x = stats::rnorm(n))
  d$c <- factor(paste(d$a, sample(4, n, TRUE)))
  d$t <- stats::rbinom(30, 1, 0.5)[d$a]
  d$y <- stats::rnorm(n) + stats::rnorm(30)[d$a] + stats::rnorm(25)[d$b] + stats::rnorm(120)[d$c]
  for (formula in list(y ~ x * t + (1 | a) + (1 | b), y ~ x * t + (1 | a / c))) {
    theirs <- lme4::lmer(formula, d, control = lme4::lmerControl(optimizer = "bobyqa",
      optCtrl = list(rhoend = 1e-9)))
    ours <- rlmm(formula, d)
    V <- pbkrtest::vcovAdj(theirs)
    expect_equal(vcov_for_tests(ours, "Kenward-Roger"), as.matrix(V), tolerance = 1e-5,
      ignore_attr = TRUE)
    df <- apply(diag(4), 1L, pbkrtest::Lb_ddf, V0 = as.matrix(vcov(theirs)), Vadj = V)
    expect_equal(all_df(ours, "Kenward-Roger"), df, tolerance = 1e-5)
  }
})

test_that("nested designs of 45,000 rows take seconds", {
  set.seed(1)
  d <- expand.grid(pupil = 1:5, class = 1:9, school = 1:1000)
  d$g <- factor(paste(d$school, d$class))
  d$school <- factor(d$school)
  d$x <- stats::rnorm(45000)
  d$t <- stats::rbinom(1000, 1, 0.5)[d$school]
  d$y <- d$x + stats::rnorm(1000)[d$school] + stats::rnorm(9000)[d$g] + stats::rnorm(45000)
  fit <- rlmm(y ~ x * t + (1 | school / g), d)
  seconds <- system.time(table <- coef(summary(fit, ddf = "Kenward-Roger")))[["elapsed"]]
  expect_lt(seconds, 10)
  # between schools, and mostly within classes
  expect_equal(table["t", "df"], 998, tolerance = 1e-3)
  expect_true(table["x", "df"] > 36000 && table["x", "df"] < 45000)
})

test_that("the average information stands in where differences are too dear, and is named", {
  set.seed(6)
  n <- 2000
  d <- data.frame(a = factor(sample(200, n, TRUE)), b = factor(sample(100, n, TRUE)),
    x = stats::rnorm(n), z = stats::rnorm(n), v = stats::rnorm(n))
  slopes <- matrix(stats::rnorm(800), 200)
  d$y <- stats::rnorm(100)[d$b] + stats::rnorm(n) +
    rowSums(slopes[d$a, ] * cbind(1, d$x, d$z, d$v))
  fit <- rlmm(y ~ x + z + (x + z + v | a) + (1 | b), d)
  exact <- summary(fit)
  expect_no_match(exact$method, "average")
  old <- options(rlmm.ddf_operations = 0)
  on.exit(options(old))
  quick <- summary(fit)
  expect_output(print(quick), "Satterthwaite's method (by average information)", fixed = TRUE)
  expect_equal(coef(quick)[, "df"], coef(exact)[, "df"], tolerance = 0.1)
})
